"""Rasa component: finds the several questions of one message, so that each is understood by itself as well."""

from __future__ import annotations

import re
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

PART = "part"  # a message that is one question of the message before it
MOST = 3  # questions of one message that are answered

_ALSO = r"(?:还有|另外|再(?:问|请问|请教|就是)|顺便|顺带|然后|以及|对了|那(?![边里种个些么])|同时|第二|其次)"
_CUT = re.compile(rf"[。！？!?；;…~～\n]+|[,，、 ]+|(?<=[吗么嘛伐呢呐没不啊])(?={_ALSO})")
_CLOSED = re.compile(r"[。！？!?；;\n]")
_QUESTION = re.compile(
    r"(?:[吗么嘛伐呢呐]|要不|[要用行对好能成带有]不|.{3}不|没有?|咧|哇)[。！？!?；;~～…]*$|[？?]$|要不要|用不用|需不需要|是不是|是否|能不能|可不可以|行不行|够不够|算不算|该不该|"
    r"有没有|还要|必须|怎[么样]|如何|咋|哪[里儿个些家]|去哪|谁|什么|啥|多久|多少|几[天年次时点钿]|凭什么|为什么"
)
_BARE_OPENING = re.compile(
    r"^(?:请问|你好|您好|我?想?问(?:一?下)?|另外|还有|顺便|对了|再问(?:一?下)?)+[,，\s]*$"
)


def split(text: str) -> list[str]:
    """Return the questions of `text`, each with the story before it; a single one comes back as it is.

    A piece that asks nothing belongs to the question after it, at the end to the one before it. Of more than `MOST`
    questions the last ones stay together.
    """
    questions: list[str] = []
    story = ""
    at = 0
    for cut in [*_CUT.finditer(text), None]:
        end = cut.end() if cut else len(text)
        piece = text[at:end]
        at = end
        story += piece
        if piece.strip() and _QUESTION.search(piece.strip(" ,，、")) and not _BARE_OPENING.match(story):
            questions.append(story)
            story = ""
    if story.strip():
        if questions:
            questions[-1] += story
        else:
            questions.append(story)
    if len(questions) > MOST:
        questions[MOST - 1 :] = ["".join(questions[MOST - 1 :])]
    return [q.strip(" \n,，、") for q in questions] if len(questions) > 1 else [text]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class QuestionSplitter(GraphComponent):
    """Adds each question of a message as a message of its own, so that all that follows understands it too.

    The catalogue linker, which comes last, puts them back into the message they are of.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """No settings."""
        return {}

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> QuestionSplitter:
        """Make the component; it holds nothing."""
        return cls()

    def process(self, messages: list[Message]) -> list[Message]:
        """Return the messages, each followed by its questions where it holds several."""
        made = []
        for message in messages:
            made.append(message)
            text = message.get(TEXT) or ""
            questions = [] if text.startswith("/") else split(text)
            if len(questions) > 1:
                made += [Message(data={TEXT: question, PART: True}) for question in questions]
        return made

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Leave the training data as they are."""
        return training_data
