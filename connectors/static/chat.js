// Sends turns in place. Without this file the page still works: every button is a plain form post.
(function () {
  "use strict";
  var form = document.getElementById("composer");
  var log = document.getElementById("log");
  var box = document.getElementById("message");
  var send = document.getElementById("send");
  var region = document.getElementById("region");
  if (!form || !window.fetch || !window.URLSearchParams) return;
  var busy = false, composing = false;
  var pressed = null; // for browsers without event.submitter
  var calm = window.matchMedia("(prefers-reduced-motion: reduce)");

  function make(tag, className, text) {
    var node = document.createElement(tag);
    if (className) node.className = className;
    if (text) node.textContent = text;
    return node;
  }

  function grow() {
    box.style.height = "auto";
    box.style.height = Math.min(box.scrollHeight + 2, 144) + "px";
  }

  function show(node) {
    node.scrollIntoView({ behavior: calm.matches ? "auto" : "smooth", block: "start" });
  }

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
    Array.prototype.forEach.call(log.querySelectorAll(".turn"), function (old) {
      if (old === fresh) return;
      old.removeAttribute("id");
      Array.prototype.forEach.call(old.querySelectorAll("button"), function (button) { button.disabled = true; });
      if (old.classList.contains("turn-problem")) old.remove();
    });
    if (region.value !== fresh.dataset.region) region.value = fresh.dataset.region || "";
    var welcome = document.getElementById("welcome");
    if (welcome) welcome.remove();
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
    retry.addEventListener("click", function () { if (!busy) { turn.remove(); again(); } });
    note.appendChild(retry);
  }

  function ask(fields, words, typed) {
    setBusy(true);
    var hadFocus = document.activeElement === box || document.activeElement === send;
    var welcome = document.getElementById("welcome");
    if (welcome) welcome.hidden = true;
    Array.prototype.forEach.call(log.querySelectorAll(".turn-problem"), function (old) { old.remove(); });
    var turn = waiting(words);
    log.appendChild(turn);
    show(turn);
    var body = new URLSearchParams(fields);
    body.set("region", region.value);
    var status = 0;
    var abort = window.AbortController ? new AbortController() : null;
    var timer = setTimeout(function () { if (abort) abort.abort(); }, 30000);
    return fetch("/chat/turn", {
      method: "POST", body: body, credentials: "same-origin", redirect: "error", signal: abort ? abort.signal : undefined
    }).then(function (response) {
      status = response.status;
      return response.text();
    }).then(function (html) {
      var fragment = new DOMParser().parseFromString(html, "text/html").querySelector(".turn");
      if (status === 200 && fragment) {
        fragment = document.importNode(fragment, true);
        turn.replaceWith(fragment);
        settle(fragment);
        show(fragment);
        if (!hadFocus) fragment.focus({ preventScroll: true });
        return;
      }
      if (typed && status < 500 && status !== 429 && !box.value) { box.value = words; grow(); }
      problem(turn, fragment, status === 429 || status >= 500 ? again : null);
    }).catch(function () {
      problem(turn, null, again);
    }).then(function () {
      clearTimeout(timer);
      setBusy(false);
    });
    function again() { ask(fields, words, typed); }
  }

  document.addEventListener("click", function (event) { pressed = event.target.closest("button"); });
  form.addEventListener("submit", function (event) {
    event.preventDefault();
    if (busy) return;
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

  box.addEventListener("compositionstart", function () { composing = true; });
  box.addEventListener("compositionend", function () { setTimeout(function () { composing = false; }, 0); });
  box.addEventListener("keydown", function (event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || composing || event.keyCode === 229) return;
    event.preventDefault();
    if (!busy) send.click();
  });
  box.addEventListener("input", grow);
  grow();
  var latest = document.getElementById("latest");
  if (latest) latest.scrollIntoView({ block: "start" });
})();
