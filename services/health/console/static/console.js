// What the pages gain where scripts run. Without it every link and form works all the same.
"use strict";

// Confirmation dialogs: the link to #id opens it as a modal one; the browser keeps the focus in it
// and gives it back to the link.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) {
    event.preventDefault();
    const dialog = document.getElementById(opener.dataset.dialog);
    if (dialog && !dialog.open) dialog.showModal();
  }
  const closer = event.target.closest("dialog [data-close]");
  if (closer) {
    event.preventDefault();
    const dialog = closer.closest("dialog");
    dialog.close();
    if (location.hash === `#${dialog.id}`) history.replaceState(null, "", location.pathname + location.search);
  }
});

// A page that was opened at the address of a dialog shows it as a modal one as well.
const addressed = location.hash && document.getElementById(location.hash.slice(1));
if (addressed instanceof HTMLDialogElement) addressed.showModal();

// A form is sent once, however often its button is pressed.
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.method !== "post") return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
  setTimeout(() => delete event.target.dataset.sent, 3000);
});
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

// Buttons that copy the value beside them.
const canCopy = Boolean(navigator.clipboard);
const showCopyButtons = (root) => {
  for (const button of root.querySelectorAll("[data-copy]")) button.hidden = !canCopy;
};
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  const label = button.firstChild;
  label.textContent = "Copied";
  setTimeout(() => { label.textContent = "Copy"; }, 2000);
});

// "2 min ago" stays true while a page is open; the words are those of health/console/shown.py.
const UNITS = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [Infinity, 86400, "d"]];
const ago = (seconds) => {
  if (Math.abs(seconds) < 5) return "just now";
  const [, size, unit] = UNITS.find(([below]) => Math.abs(seconds) < below);
  const amount = `${Math.floor(Math.abs(seconds) / size)} ${unit}`;
  return seconds >= 0 ? `${amount} ago` : `in ${amount}`;
};
const tellTime = () => {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    time.textContent = ago((Date.now() - Date.parse(time.dateTime)) / 1000);
  }
};
setInterval(tellTime, 15000);

// The button of a held text says whether the agent's words or other ones will be sent.
const sameWords = (area) => area.value.replaceAll("\r\n", "\n") === area.defaultValue.replaceAll("\r\n", "\n");
document.addEventListener("input", (event) => {
  const area = event.target.closest("textarea[data-draft]");
  if (!area) return;
  const button = area.form.querySelector("[data-as-written]");
  button.textContent = sameWords(area) ? button.dataset.asWritten : button.dataset.edited;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  const area = event.target.closest("textarea[data-draft]");
  if (area) area.form.requestSubmit(area.form.querySelector("[data-as-written]"));
});

// Words that are being edited are not lost by leaving the page unasked.
window.addEventListener("beforeunload", (event) => {
  const drafts = [...document.querySelectorAll("textarea[data-draft]")];
  if (drafts.some((area) => !sameWords(area) && !area.form.dataset.sent)) event.preventDefault();
});

// A part of the page that is fetched anew keeps what was unfolded in it, and a thread that was read
// at its end stays there.
let unfolded = [];
let atTheEnd = false;
document.addEventListener("htmx:beforeSwap", () => {
  unfolded = [...document.querySelectorAll("details[id][open]")].map((details) => details.id);
  atTheEnd = window.innerHeight + window.scrollY > document.body.scrollHeight - 120;
});
document.addEventListener("htmx:afterSwap", (event) => {
  for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
  showCopyButtons(document);
  tellTime();
  if (atTheEnd && event.detail.target.id === "thread") document.getElementById("newest")?.scrollIntoView();
});

// A part of a page that holds forms is fetched anew only while nobody works in it: nobody's words,
// dialog or focus are taken away. What was missed is made up for when they are done.
const changed = (input) => {
  if (input instanceof HTMLSelectElement) {
    const given = [...input.options].findIndex((option) => option.defaultSelected);
    return input.selectedIndex !== Math.max(given, 0);
  }
  return input.type === "checkbox" || input.type === "radio" ? input.checked !== input.defaultChecked : !sameWords(input);
};
const inputs = "input:not([type=hidden]), textarea, select";
const inUse = (part) => {
  const focused = part.contains(document.activeElement) && document.activeElement;
  // The focus of anything else that has an ID goes to what has the same ID afterwards.
  return Boolean(part.querySelector("dialog[open]"))
    || Boolean(focused && (focused.matches(inputs) || !focused.id))
    || [...part.querySelectorAll(inputs)].some(changed);
};
for (const moment of ["htmx:beforeRequest", "htmx:beforeSwap"]) {
  document.addEventListener(moment, (event) => {
    const part = event.detail.target;
    if (!part.matches?.("[data-careful]") || !inUse(part)) return;
    part.dataset.behind = "yes";
    event.preventDefault();
  });
}
const catchUp = () => {
  for (const part of document.querySelectorAll("[data-behind]")) {
    if (inUse(part)) continue;
    delete part.dataset.behind;
    htmx.trigger(part, "catch-up");
  }
};
for (const moment of ["focusout", "close", "change", "reset"]) {
  // After a click that moved the focus has reached what it was meant for.
  document.addEventListener(moment, () => setTimeout(catchUp, 300), true);
}

showCopyButtons(document);
