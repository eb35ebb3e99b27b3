// The lineage: one node can be reached by Tab, arrows walk from node to node.
function startTree() {
  const tree = find(".tree");
  if (!tree) return;
  const nodes = all(".node", tree);
  const of = (target) => target.closest(".node");
  const place = (node) => node.getBoundingClientRect();

  function mark(member) {
    nodes.forEach((node) => {
      const chosen = Number(node.dataset.member) === member;
      node.setAttribute("aria-pressed", chosen);
      node.setAttribute("tabindex", chosen ? 0 : -1);
      if (chosen) bring(node);
    });
  }
  /** Move the drawing, and not the page, until the node is seen. */
  function bring(node) {
    const [box, view] = [place(node), place(tree)];
    const margin = 24;
    if (box.left < view.left + margin || box.right > view.right - margin) tree.scrollLeft += box.left - view.left - view.width / 2;
    if (box.top < view.top + margin || box.bottom > view.bottom - margin) tree.scrollTop += box.top - view.top - view.height / 2;
  }
  listeners.push(mark);

  /** The next node in a direction: the nearest one, along it before across it. */
  function towards(node, key) {
    const from = place(node);
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
    const member = data.members[Number(node.dataset.member)];
    if (dx < 0) return member.parents.length ? nodes[member.parents[0]] : null;
    const child = data.members.findIndex((other) => other.parents[0] === Number(node.dataset.member));
    if (dx > 0) return child < 0 ? null : nodes[child];
    const ahead = nodes.filter((other) => (place(other).top - from.top) * dy > 1);
    const far = (other) => Math.abs(place(other).top - from.top) + 4 * Math.abs(place(other).left - from.left);
    return ahead.sort((a, b) => far(a) - far(b))[0] ?? null;
  }
  tree.addEventListener("click", (event) => {
    const node = of(event.target);
    if (node) choose(Number(node.dataset.member));
  });
  tree.addEventListener("keydown", (event) => {
    const node = of(event.target);
    if (!node) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      choose(Number(node.dataset.member), { reveal: true });
    } else if (event.key.startsWith("Arrow")) {
      event.preventDefault();
      const next = towards(node, event.key);
      if (!next) return;
      choose(Number(next.dataset.member));
      next.focus({ preventScroll: true });
    }
  });
  tree.addEventListener("pointermove", (event) => {
    const node = of(event.target);
    if (node) showTip(event.clientX, event.clientY, tipOf(Number(node.dataset.member)));
    else hideTip();
  });
  tree.addEventListener("pointerleave", hideTip);
}
