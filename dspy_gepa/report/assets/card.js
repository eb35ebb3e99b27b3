// A member, or a rejected proposal, in full.
const links = (members) => members.flatMap((member, place) => [
  place ? " and " : "",
  make("button", { type: "button", class: "link", "data-member": member }, nameOf(member)),
]);

function evidenceList(evidence) {
  return make("ul", { class: "evidence" }, evidence.map(([row, value, feedback, error, inputs]) => make("li", {},
    make("p", {}, make("b", {}, row), ` scored ${score(value)}`),
    [["Feedback", feedback], ["Error", error], ["Inputs", inputs]].filter(([, said]) => said).map(([label, said]) =>
      make("p", { class: "said" }, make("b", {}, label), " ", make("span", { dir: "auto" }, said))))));
}

/** What was tried, on which evidence, and what it came to. */
function trialStory(trial) {
  const mean = trial.after.reduce((sum, [, value]) => sum + value, 0) / trial.after.length;
  return make("div", {},
    make("p", {}, `By the ${trial.kind} of `, links(trial.parents), ` in step ${trial.step}: `,
      make("span", { dir: "auto" }, trial.reason), "."),
    trial.after.length ? make("details", {}, make("summary", {}, `Its trial: ${trial.after.length} rows, mean ${score(mean)}`),
      make("p", { class: "said" }, trial.after.map(([row, value]) => `${row}: ${value}`).join(", "))) : null,
    trial.evidence.length ? make("details", {}, make("summary", {}, trial.kind === "mutation"
      ? `What was reflected on: ${trial.evidence.length} rollouts of its parent`
      : `What ${trial.kind === "merge" ? "the better" : "its"} parent scored there: ${trial.evidence.length} rows`), evidenceList(trial.evidence)) : null);
}

/** Radio buttons that look like one control. */
function choice(name, options, chosen, changed) {
  return make("fieldset", { class: "choice" }, make("legend", { class: "unseen" }, "What to compare with"),
    options.map(([value, label]) => {
      const input = make("input", { type: "radio", name, value });
      input.checked = value === chosen;
      input.addEventListener("change", () => changed(value));
      return make("label", {}, input, make("span", {}, label));
    }));
}

function textsOf(member, against) {
  const it = data.members[member];
  const base = against === "plain" ? null : data.members[against === "seed" ? 0 : Number(against)].texts;
  const shown = it.texts.map((text, place) => [data.components[place], text, base ? base[place] : null])
    .filter(([, text, before]) => before === null || before !== text);
  const same = it.texts.length - shown.length;
  return make("div", {},
    shown.map(([name, text, before]) => {
      const pre = before === null ? make("pre", { dir: "auto" }, data.texts[text]) : difference(before, text);
      return [make("h4", {}, make("bdi", {}, name), copyButton("Copy", () => data.texts[text])), make("div", {}, pre)];
    }),
    same ? make("p", { class: "hint" }, `${same} of ${it.texts.length} texts ${same === 1 ? "is" : "are"} the same.`) : null);
}

let compared = null;
function showCard(member) {
  const it = data.members[member];
  const trial = data.trials.find((one) => one.member === member);
  const options = [...it.parents.filter((p) => p).map((p) => [String(p), `Against ${p}`]),
    ...(member ? [["seed", "Before and after"]] : []), ["plain", "Plain"]];
  const kept = options.some(([value]) => value === compared) ? compared : options[0][0];
  const box = make("div", {});
  const draw = (against) => {
    box.replaceChildren(textsOf(member, against));
    all("pre", box).forEach((pre) => clip(pre.parentElement));
  };
  const range = it.low === null ? "" : `, with probability 0.9 between ${score(it.low)} and ${score(it.high)}`;
  find("#card").replaceChildren(
    make("header", {}, make("h3", {}, member ? `Candidate ${member}` : "Your program",
      member === data.best ? make("small", {}, "  the best") : null)),
    make("p", {}, make("b", {}, score(it.score)), range),
    make("p", { class: "meta" }, `Found at ${it.at} rollouts, run on ${it.rows} rows.`,
      it.mean === null ? null : ` Its mean over the validation rows is ${score(it.mean)}.`),
    ...(trial ? [trialStory(trial)] : []),
    choice("compared", options, kept, (value) => { compared = value === "plain" || value === "seed" ? value : null; draw(value); }),
    box);
  draw(kept);
  find("#card").scrollTop = 0;
}
listeners.push(showCard);

/** A rejected proposal is written when it is first opened. */
function fillTrial(details) {
  if (details.dataset.filled) return;
  details.dataset.filled = "yes";
  const trial = data.trials[Number(details.dataset.trial)];
  details.append(make("div", {}, trialStory(trial),
    trial.changed.length ? trial.changed.map(([component, before, after]) =>
      [make("h3", {}, make("bdi", {}, data.components[component])), difference(before, after)])
      : make("p", { class: "hint" }, "Nothing was proposed.")));
}
all("details.trial").forEach((details) => details.addEventListener("toggle", () => {
  if (!details.open) return;
  fillTrial(details);
  all("pre", details).forEach(clip);
}));
