/**
 * The page's script. The server makes every view; the script fetches the view again
 * when something has happened, puts what is new into the page without taking the
 * focus, the scroll position or what is being typed away, and asks the API for what
 * the buttons say. Without it the page shows all the same.
 *
 * @module
 */

/** The least time between two renewals, ms. */
const LEAST = 500;
/** A renewal takes this share of the time at most. */
const SHARE = 0.1;
/** Without news it is renewed as often, ms: times go by. */
const IDLE = 15_000;

const find = (id) => document.getElementById(id);

document.documentElement.classList.add("script");

/* Renewal */

let wanted = false;
let underWay = false;
let notBefore = 0;
let timer;

/** Asks for a renewal: soon, and not too often. */
function renewSoon() {
  wanted = true;
  if (underWay || timer !== undefined || document.hidden) return;
  timer = setTimeout(renew, Math.max(0, notBefore - performance.now()));
}

async function renew() {
  timer = undefined;
  wanted = false;
  underWay = true;
  const began = performance.now();
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (answer.redirected) return location.assign(answer.url);
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    merge(document.querySelector("main"), next.querySelector("main"));
    merge(document.querySelector("nav"), next.querySelector("nav"));
  } catch {
    // The server is away; the stream of events says so, and comes back by itself.
  } finally {
    underWay = false;
    const took = performance.now() - began;
    notBefore = performance.now() + Math.max(LEAST, took / SHARE);
    if (wanted) renewSoon();
  }
}

/** Makes an element like another; elements that are the same in both stay. */
function merge(old, next) {
  if (!old || !next || old.isEqualNode(next)) return;
  if ("keep" in old.dataset) return;
  for (const { name, value } of [...next.attributes]) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!next.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  }
  mergeChildren(old, next);
}

function mergeChildren(old, next) {
  const named = new Map([...old.children].filter(({ id }) => id).map((one) => [one.id, one]));
  let at = old.firstChild;
  for (const child of [...next.childNodes]) {
    const same = sameNode(at, child, named);
    if (same === undefined) {
      old.insertBefore(document.importNode(child, true), at);
      continue;
    }
    if (same === at) at = at.nextSibling;
    else old.insertBefore(same, at);
    if (same.nodeType === Node.ELEMENT_NODE) merge(same, child);
    else if (same.data !== child.data) same.data = child.data;
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

/** Which of the old nodes a new one is: that of its id, or the one that stands there. */
function sameNode(at, child, named) {
  if (child.id) return named.get(child.id);
  if (!at || at.id || at.nodeType !== child.nodeType || at.nodeName !== child.nodeName) return;
  return at;
}

/* Events */

function listen() {
  const events = new EventSource("/v1/events?kinds=accepted,attempt,steered,finished,waits");
  const say = (text, isLive) => {
    find("live-text").textContent = text;
    find("live").classList.toggle("on", isLive);
  };
  events.onopen = () => {
    say("live", true);
    renewSoon();
  };
  events.onerror = () => {
    say("reconnecting", false);
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
  };
  for (const name of ["fact", "counts", "missed"]) events.addEventListener(name, renewSoon);
  addEventListener("pagehide", () => events.close(), { once: true });
}

/* Actions */

/** Where something is typed or chosen. */
const FIELDS = "select, input";

let asked;

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-path]");
  if (button) ask(button);
});

/** Asks before something is done. */
function ask(button) {
  asked = { ...button.dataset };
  find("ask-question").textContent = asked.question;
  find("ask-problem").textContent = "";
  find("ask-confirm").textContent = button.textContent;
  find("ask-confirm").className = button.classList.contains("danger") ? "danger" : "primary";
  find("ask-fields").replaceChildren(...JSON.parse(asked.fields ?? "[]").map(fieldOf));
  find("ask").showModal();
  (find("ask-fields").querySelector(FIELDS) ?? find("ask-confirm")).focus();
}

function fieldOf({ name, label, value = "", hint = "", required = false, choices }) {
  const id = `ask-${name}`;
  const row = document.createElement("p");
  const title = Object.assign(document.createElement("label"), { htmlFor: id, textContent: label });
  const input = document.createElement(choices ? "select" : "input");
  for (const { value, text } of choices ?? []) input.append(new Option(text, value));
  Object.assign(input, { id, name, required }, choices ? {} : { value });
  const note = Object.assign(document.createElement("small"), { textContent: hint });
  row.append(title, input, note);
  return row;
}

find("ask-cancel").addEventListener("click", () => find("ask").close());

find("ask").querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  find("ask-confirm").disabled = true;
  const problem = await act(asked);
  find("ask-confirm").disabled = false;
  find("ask-problem").textContent = problem ?? "";
  if (problem !== undefined) return;
  find("ask").close();
  if (asked.then) location.assign(asked.then);
  else renewSoon();
});

/** Does it; gives what went wrong, if anything did. */
async function act({ method, path, body, said }) {
  const init = { method };
  if (body !== undefined) {
    init.headers = { "content-type": "application/json" };
    init.body = JSON.stringify({ ...JSON.parse(body), ...given() });
  }
  try {
    const answer = await fetch(path, init);
    const result = await answer.json();
    if (result.error) return result.error.message;
    say(said.replace(/\{(\w+)\}/g, (_, key) => String(result[key] ?? "")), result);
  } catch {
    return "The server cannot be reached.";
  }
}

/** What was typed and chosen in the dialog, under the names that the body has for it. */
function given() {
  const fields = [...find("ask-fields").querySelectorAll(FIELDS)];
  const typed = new Map(fields.map(({ name, value }) => [name, value.trim()]));
  const values = {};
  for (const [name, value] of typed) {
    const [place, part] = name.split(".");
    if (part === "new") values[place] = { [typed.get(`${place}.old`)]: value };
    else if (name.endsWith("[]")) {
      values[name.slice(0, -2)] = value.split(",").map((one) => one.trim()).filter(Boolean);
    } else if (part === undefined && value !== "") values[name] = value;
  }
  return values;
}

function say(text, { busy = 0, failed = 0 }) {
  const more = [
    ...(busy > 0 ? [`${busy} are being delivered at this moment.`] : []),
    ...(failed > 0 ? [`${failed} could not be recorded: see the log.`] : []),
  ];
  find("said").textContent = [text, ...more].join(" ");
  find("said").classList.add("on");
  setTimeout(() => find("said").classList.remove("on"), 6000);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) renewSoon();
});

if (document.querySelector("header nav")) {
  listen();
  // A page that comes back from the browser's memory listens again.
  addEventListener("pageshow", ({ persisted }) => persisted && listen());
  setInterval(renewSoon, IDLE);
}
