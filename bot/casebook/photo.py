"""Photos that citizens add to a report: bounded, and drawn anew so that nothing but the picture is kept."""

from __future__ import annotations

import io
import warnings

from PIL import Image, ImageOps

from .errors import CaseError

MOST_BYTES = 8 * 1024 * 1024
MOST_PIXELS = 40_000_000
LONGEST_SIDE = 1600  # pixels of the kept picture
_FORMATS = ("JPEG", "PNG", "WEBP")


def clean_photo(data: bytes) -> bytes:
    """Return a photo as a JPEG of at most 1600 pixels a side, without place, device or any other hidden data.

    Raises CaseError: too_long (over 8 MB or 40 megapixels), bad_value (not a readable JPEG, PNG or WebP picture).
    """
    if len(data) > MOST_BYTES:
        raise CaseError("too_long", "photo")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    raise CaseError("too_long", "photo")
                picture.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))  # a large JPEG is decoded small at once
                upright = ImageOps.exif_transpose(picture).convert("RGB")
    except CaseError:
        raise
    except Image.DecompressionBombError:
        raise CaseError("too_long", "photo") from None
    except Exception:  # what decoders make of a hostile file is not theirs to promise
        raise CaseError("bad_value", "photo") from None
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    # A new image, so that nothing that clung to the old one is saved with it.
    clean = Image.new("RGB", upright.size)
    clean.paste(upright)
    kept = io.BytesIO()
    clean.save(kept, "JPEG", quality=82, optimize=True)
    return kept.getvalue()
