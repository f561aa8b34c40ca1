// Sends turns in place. Without this file the page still works: every button is a plain form post.
(function () {
  "use strict";
  var form = document.getElementById("composer");
  var log = document.getElementById("log");
  var box = document.getElementById("message");
  var send = document.getElementById("send");
  var region = document.getElementById("region");
  var status = document.getElementById("status");
  var menu = document.getElementById("menu");
  if (!form || !window.fetch || !window.URLSearchParams) return;
  var busy = false, composing = false, retryNow = null;
  var pressed = null; // for browsers without event.submitter
  var calm = window.matchMedia("(prefers-reduced-motion: reduce)");

  function each(list, act) { Array.prototype.forEach.call(list, act); }

  function make(tag, className, text) {
    var node = document.createElement(tag);
    if (className) node.className = className;
    if (text) node.textContent = text;
    return node;
  }

  function say(words) {
    status.textContent = "";
    setTimeout(function () { status.textContent = words; }, 50); // the same words twice are read out twice
  }

  function grow() {
    box.style.height = "auto";
    box.style.height = Math.min(box.scrollHeight + 2, 144) + "px";
  }

  function show(node) {
    node.scrollIntoView({ behavior: calm.matches ? "auto" : "smooth", block: "start" });
  }

  function mark() {
    var bytes = new Uint8Array(9);
    (window.crypto || window.msCrypto).getRandomValues(bytes);
    return Array.prototype.map.call(bytes, function (b) { return ("0" + b.toString(16)).slice(-2); }).join("");
  }

  function post(path, fields) {
    fields.csrf = form.elements.csrf.value;
    var abort = window.AbortController ? new AbortController() : null;
    var timer = setTimeout(function () { if (abort) abort.abort(); }, 30000);
    function done(result) { clearTimeout(timer); return result; }
    return fetch(path, {
      method: "POST", body: new URLSearchParams(fields), credentials: "same-origin", redirect: "manual",
      signal: abort ? abort.signal : undefined
    }).then(done, function (error) { done(); throw error; });
  }

  // --- a turn

  function setBusy(on) {
    busy = on;
    log.setAttribute("aria-busy", on ? "true" : "false");
    send.setAttribute("aria-disabled", on ? "true" : "false");
  }

  // What the citizen said, and three dots, until the answer takes their place.
  function waiting(words) {
    var turn = make("section", "turn turn-waiting");
    var you = make("p", "you", words);
    you.insertBefore(make("span", "hidden", form.dataset.you), you.firstChild);
    turn.appendChild(you);
    var dots = make("div", "typing");
    dots.appendChild(make("span", "dots"));
    dots.lastChild.setAttribute("aria-hidden", "true");
    dots.appendChild(make("span", "", form.dataset.typing));
    turn.appendChild(dots);
    return turn;
  }

  function settle(fresh) {
    each(log.querySelectorAll(".turn"), function (old) {
      if (old === fresh) return;
      old.removeAttribute("id");
      each(old.querySelectorAll(".choices button"), function (button) { button.disabled = true; });
      if (old.classList.contains("turn-problem")) old.remove();
    });
    if (region.value !== fresh.dataset.region) region.value = fresh.dataset.region || "";
    var welcome = document.getElementById("welcome");
    if (welcome) {
      var heading = welcome.querySelector("h1");
      heading.className = "hidden";
      welcome.replaceWith(heading);
    }
    equip(fresh);
  }

  function problem(turn, fragment, again) {
    var typing = turn.querySelector(".typing");
    var note = fragment && fragment.querySelector(".answer");
    if (!note) {
      note = make("div", "answer");
      note.appendChild(make("div", "bubble problem", form.dataset.lost));
      note.firstChild.setAttribute("role", "alert");
    }
    typing.replaceWith(note);
    turn.classList.add("turn-problem");
    if (!again) return;
    var retry = make("button", "choice", form.dataset.retry);
    retry.type = "button";
    retryNow = function () { if (!busy) { retryNow = null; turn.remove(); again(); } };
    retry.addEventListener("click", retryNow);
    note.appendChild(retry);
  }

  function ask(fields, words, typed) {
    setBusy(true);
    retryNow = null;
    fields.once = fields.once || mark(); // sent again, it is known again: nothing is asked twice
    fields.region = region.value;
    var hadFocus = document.activeElement === box || document.activeElement === send;
    var welcome = document.getElementById("welcome");
    if (welcome) welcome.hidden = true;
    each(log.querySelectorAll(".turn-problem"), function (old) { old.remove(); });
    var turn = waiting(words);
    log.appendChild(turn);
    show(turn);
    var code = 0;
    post("/chat/turn", fields).then(function (response) {
      code = response.status;
      return response.text();
    }).then(function (html) {
      var fragment = new DOMParser().parseFromString(html, "text/html").querySelector(".turn");
      if (code === 200 && fragment) {
        fragment = document.importNode(fragment, true);
        turn.replaceWith(fragment);
        settle(fragment);
        show(fragment);
        if (!hadFocus) fragment.focus({ preventScroll: true });
        return;
      }
      if (fragment && fragment.dataset.csrf) {
        each(document.querySelectorAll("input[name=csrf]"), function (field) { field.value = fragment.dataset.csrf; });
      }
      var hopeful = code === 403 || code === 429 || code >= 500;
      if (typed && !hopeful && !box.value) { box.value = words; grow(); }
      problem(turn, fragment, hopeful ? again : null);
    }).catch(function () {
      problem(turn, null, again);
    }).then(function () { setBusy(false); });
    function again() { ask(fields, words, typed); }
  }

  document.addEventListener("click", function (event) {
    pressed = event.target.closest("button");
    if (menu && menu.open && !menu.contains(event.target)) menu.open = false;
    var tool = event.target.closest("[data-do]");
    if (tool) (tool.dataset.do === "copy" ? copy : share)(tool.closest(".tools-row"));
  });
  form.addEventListener("submit", function (event) {
    event.preventDefault();
    if (busy) return;
    if (listening) listening.stop();
    var by = event.submitter || pressed;
    pressed = null;
    if (by && by.name && by.form === form && by.tagName === "BUTTON") {
      var fields = {};
      fields[by.name] = by.value;
      ask(fields, by.textContent.trim(), false);
      return;
    }
    var words = box.value.trim();
    if (!words) { box.focus(); return; }
    box.value = "";
    grow();
    if (window.matchMedia("(pointer: fine)").matches) box.focus(); // on a phone the keyboard would hide the answer
    ask({ message: words }, words, true);
  });
  // A connection that was lost, or a device that slept: what had no answer is sent again, once.
  window.addEventListener("online", function () { if (retryNow) retryNow(); });

  box.addEventListener("compositionstart", function () { composing = true; });
  box.addEventListener("compositionend", function () { setTimeout(function () { composing = false; }, 0); });
  box.addEventListener("keydown", function (event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || composing || event.keyCode === 229) return;
    event.preventDefault();
    if (!busy) send.click();
  });
  box.addEventListener("input", grow);

  // --- what can be done with an answer

  function equip(within) {
    each(within.querySelectorAll("[data-do]"), function (button) {
      button.hidden = button.dataset.do === "share" && !navigator.share;
    });
  }

  function told(row) {
    return { text: row.dataset.text, link: row.dataset.link ? location.origin + row.dataset.link : "" };
  }

  function copy(row) {
    var it = told(row), words = it.text + (it.link ? "\n" + it.link : "");
    if (navigator.clipboard && navigator.clipboard.writeText) {
      navigator.clipboard.writeText(words).then(copied, function () { oldCopy(words); });
    } else oldCopy(words);
  }

  function copied() { say(status.dataset.copied); note(status.dataset.copied); }

  function oldCopy(words) {
    var area = make("textarea", "hidden");
    area.value = words;
    document.body.appendChild(area);
    area.select();
    var done = false;
    try { done = document.execCommand("copy"); } catch (error) { done = false; }
    area.remove();
    if (done) copied();
    else { say(status.dataset.notCopied); note(status.dataset.notCopied); }
  }

  function share(row) {
    var it = told(row), what = { title: document.title, text: it.text };
    if (it.link) what.url = it.link;
    navigator.share(what).catch(function (error) { if (error.name !== "AbortError") copy(row); });
  }

  // The same words for the eye, for a moment.
  function note(words) {
    each(document.querySelectorAll(".toast"), function (old) { old.remove(); });
    var toast = make("div", "toast", words);
    toast.setAttribute("aria-hidden", "true");
    document.body.appendChild(toast);
    setTimeout(function () { toast.remove(); }, 4000);
  }

  document.addEventListener("submit", function (event) {
    var sent = event.target, by = event.submitter || pressed;
    if (sent.classList.contains("feedback")) {
      event.preventDefault();
      var fields = { message_id: sent.elements.message_id.value, useful: by.value, reason: "", text: "" };
      if (by.value === "no") {
        fields.reason = sent.querySelector("input[name=reason]:checked").value;
        fields.text = sent.elements.text.value;
      }
      post("/chat/feedback", fields).then(function (response) {
        if (response.type !== "opaqueredirect") throw new Error("not kept");
        var thanks = make("p", "thanks", status.dataset.thanks);
        thanks.tabIndex = -1;
        sent.replaceChildren(thanks);
        thanks.focus({ preventScroll: true });
        say(status.dataset.thanks);
      }).catch(function () { say(status.dataset.notKept); note(status.dataset.notKept); });
    }
  });

  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape" && menu && menu.open) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  // --- speaking instead of typing

  var Recognition = window.SpeechRecognition || window.webkitSpeechRecognition;
  var speak = document.getElementById("speak"), hint = document.getElementById("speak-hint"), listening = null;

  function quiet(words) {
    listening = null;
    speak.setAttribute("aria-pressed", "false");
    speak.setAttribute("aria-label", speak.dataset.start);
    if (words) { say(words); note(words); }
  }

  function listen() {
    var before = box.value, heard = false;
    var ear = new Recognition();
    ear.lang = "zh-CN";
    ear.interimResults = true;
    ear.onresult = function (event) {
      var words = "";
      each(event.results, function (result) { words += result[0].transcript; });
      heard = heard || !!words;
      box.value = (before + words).slice(0, box.maxLength);
      grow();
    };
    ear.onerror = function (event) {
      if (listening !== ear || event.error === "aborted") return;
      var refused = event.error === "not-allowed" || event.error === "service-not-allowed";
      quiet(refused ? speak.dataset.refused : speak.dataset.failed);
    };
    ear.onend = function () {
      if (listening !== ear) return;
      quiet(heard ? "" : speak.dataset.failed);
      if (heard) box.focus();
    };
    try { ear.start(); } catch (error) { quiet(speak.dataset.failed); return; }
    listening = ear;
    speak.setAttribute("aria-pressed", "true");
    speak.setAttribute("aria-label", speak.dataset.stop);
    say(speak.dataset.listening);
    note(speak.dataset.listening);
  }

  if (Recognition) {
    speak.hidden = false;
    speak.addEventListener("click", function () {
      if (listening) { listening.stop(); return; }
      // Who may hear it is said before anything is heard.
      if (hint.hidden) { hint.hidden = false; say(hint.textContent); return; }
      listen();
    });
  }

  // What was typed and not sent is still there when this tab is loaded again.
  try {
    if (!box.value) box.value = sessionStorage.getItem("draft") || "";
    window.addEventListener("pagehide", function () { sessionStorage.setItem("draft", box.value); });
  } catch (error) { /* a browser that keeps nothing in frames */ }

  equip(document);
  grow();
  var latest = document.getElementById("latest");
  if (latest) latest.scrollIntoView({ block: "start" });
})();
