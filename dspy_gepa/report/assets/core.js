"use strict";
// What all parts use. Texts are set as text, never as HTML: none of them can become part of the page.
const data = JSON.parse(document.getElementById("data").textContent);
const find = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

/** An element with attributes and children; null children are left out. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") element.addEventListener("click", value);
    else element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null));
  return element;
}

/** As the page's own figures are written, see `page.py`. */
function score(value) {
  if (value === null) return "unknown";
  if (Math.abs(value) < 100) return value.toFixed(3).replace(/^-(0\.000)$/, "$1");
  return Math.abs(value) < 9999.5 ? String(Number(value.toPrecision(4))) : value.toExponential(2).replace("e+", "e");
}
const nameOf = (member) => (member === 0 ? "your program" : `candidate ${member}`);
const say = (text) => { find("#said").textContent = text; };

/** Who listens when a member is chosen, wherever that is. */
const listeners = [];
/** What is painted, and has to be painted anew when colours change. */
const redraws = [];
function choose(member, { reveal = false } = {}) {
  for (const listener of listeners) listener(member);
  if (reveal) {
    find("#card").scrollIntoView({ block: "nearest" });
    find("#card").focus({ preventScroll: true });
  }
}

/** A text with what is new and what is gone against another; both by number. */
function difference(before, after) {
  const pre = make("pre", { dir: "auto" });
  const runs = data.diffs[`${before}:${after}`];
  if (!runs) {
    pre.append(data.texts[after]);
    return pre;
  }
  const [old, fresh] = [[...data.texts[before]], [...data.texts[after]]];  // runs count characters, not halves of them
  let a = 0, b = 0;
  for (let i = 0; i < runs.length; i += 2) {
    const [op, count] = [runs[i], runs[i + 1]];
    if (op === "-") pre.append(make("del", {}, old.slice(a, a + count).join("")));
    else if (op === "+") pre.append(make("ins", {}, fresh.slice(b, b + count).join("")));
    else pre.append(fresh.slice(b, b + count).join(""));
    if (op !== "+") a += count;
    if (op !== "-") b += count;
  }
  return pre;
}

const tip = find("#tip");
/** Lines beside a point of the window. */
function showTip(x, y, lines) {
  tip.replaceChildren(...lines.filter(Boolean).map((line) => make("p", { dir: "auto" }, line)));
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const left = Math.min(Math.max(8, x + 14), innerWidth - box.width - 8);
  tip.style.left = `${left}px`;
  tip.style.top = `${y + 18 + box.height > innerHeight ? Math.max(8, y - box.height - 12) : y + 18}px`;
}
const hideTip = () => { tip.hidden = true; };

/** What a member's tip says. */
function tipOf(member) {
  const it = data.members[member];
  const range = it.low === null ? "" : ` (${score(it.low)} to ${score(it.high)})`;
  const from = it.parents.length ? `, from ${it.parents.map(nameOf).join(" and ")}` : "";
  return [`${nameOf(member)}${from}: ${score(it.score)}${range}`, `at ${it.at} rollouts`, it.what];
}

/** Put a text on the clipboard; where the browser does not let us, by way of a selection. */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch (refused) {
    const area = make("textarea", { class: "unseen" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
function copyButton(label, text) {
  const button = make("button", { type: "button", class: "copy" }, label);
  button.addEventListener("click", () => copied(button, text()));
  return button;
}
async function copied(button, text) {
  const done = await copy(text);
  const label = button.dataset.label ?? button.textContent;
  button.dataset.label = label;
  button.textContent = done ? "Copied" : "Not allowed here";
  say(done ? "Copied" : "The browser did not allow to copy");
  setTimeout(() => { button.textContent = label; }, 1500);
}

/** Cut what is very long, with a button that shows all. */
function clip(element) {
  const tall = 520;
  if (element.classList.contains("clipped") || element.scrollHeight <= tall) return;
  element.classList.add("clip", "long", "clipped");
  const button = make("button", { type: "button", class: "more", onclick: () => {
    element.classList.remove("long");
    button.remove();
  } }, "Show all");
  element.after(button);
}
