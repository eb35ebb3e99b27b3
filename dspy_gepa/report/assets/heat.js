// Members by rows, on a canvas: tens of thousands of cells would be too many elements.
function startHeat() {
  const canvas = find("#heat");
  if (!canvas) return;
  const gutter = 52, top = 22, bottom = 6, widest = 30, lowest = 6;
  const pen = canvas.getContext("2d");
  const control = (id) => find(`#heat-${id}`);
  const picture = document.createElement("canvas");  // the map without the outline of a cell
  let shown = null, cell = null;

  function arrange() {
    const set = data.heat[Number(control("set").value)];
    const members = data.members.map((_, member) => member).filter((member) => set.scores[member].some((value) => value !== null));
    if (control("order").value === "score") members.sort((a, b) => (data.members[b].score ?? -Infinity) - (data.members[a].score ?? -Infinity));
    const columns = set.rows.map((_, column) => column);
    const known = columns.map((column) => set.scores.map((line) => line[column]).filter((value) => value !== null));
    const mean = known.map((values) => (values.length ? values.reduce((a, b) => a + b, 0) / values.length : Infinity));
    if (control("rows").value === "hard") columns.sort((a, b) => mean[a] - mean[b]);
    let low = Infinity, high = -Infinity;
    known.flat().forEach((value) => { low = Math.min(low, value); high = Math.max(high, value); });
    const best = known.map((values) => Math.max(...values));
    const telling = known.map((values, column) => Math.min(...values) < best[column]);
    return { set, members, columns, best, telling, low, high };
  }
  /** Colours as they are in this theme: those of the legend. */
  function palette() {
    const rgb = (name) => getComputedStyle(find(`.scale .${name}`)).backgroundColor.match(/[\d.]+/g).map(Number);
    const stops = [rgb("low"), rgb("middle"), rgb("high")];
    return (share) => {
      const part = Math.min(1, Math.floor(share * 2));
      const within = share * 2 - part;
      return `rgb(${[0, 1, 2].map((i) => Math.round(stops[part][i] + (stops[part + 1][i] - stops[part][i]) * within)).join()})`;
    };
  }
  function draw() {
    shown = arrange();
    const { set, members, columns, low, high } = shown;
    const room = canvas.parentElement.clientWidth - gutter - 8;
    const narrowest = columns.length > 120 ? 5 : 14;
    const wide = Math.max(narrowest, Math.min(widest, Math.floor(room / Math.max(1, columns.length))));
    const tall = Math.max(lowest, Math.min(22, wide, Math.floor(900 / members.length)));
    Object.assign(shown, { wide, tall });
    const [width, height] = [gutter + wide * columns.length + 8, top + bottom + tall * members.length];
    const ratio = Math.min(2, devicePixelRatio || 1);  // some phones refuse larger canvases
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    const style = getComputedStyle(document.documentElement);
    const ink = style.color, faint = getComputedStyle(find(".scale")).color;
    const sheet = getComputedStyle(canvas.parentElement).backgroundColor;
    const pale = getComputedStyle(find(".scale .never")).color;
    const colour = palette();
    const gap = tall > 8 ? 1 : 0;
    pen.font = "11px system-ui, sans-serif";
    pen.textAlign = "end";
    pen.textBaseline = "middle";
    const every = Math.ceil(13 / tall);
    const apart = Math.ceil(34 / wide);
    pen.fillStyle = faint;
    pen.textAlign = "center";
    columns.forEach((column, place) => {
      if (place % apart === 0) pen.fillText(set.rows[column].split("/")[1], gutter + (place + 0.5) * wide, top / 2);
    });
    pen.textAlign = "end";
    members.forEach((member, line) => {
      const y = top + line * tall;
      pen.fillStyle = ink;
      if (line % every === 0) pen.fillText(member === 0 ? "seed" : String(member), gutter - 8, y + tall / 2);
      columns.forEach((column, place) => {
        const x = gutter + place * wide;
        const value = set.scores[member][column];
        if (value === null) return hatch(x, y, wide - gap, tall - gap, pale);
        pen.fillStyle = colour(high > low ? (value - low) / (high - low) : 1);
        pen.fillRect(x, y, wide - gap, tall - gap);
        if (leads(value, column)) ring(x + (wide - gap) / 2, y + (tall - gap) / 2, Math.min(wide, tall), sheet, ink);
      });
    });
    control("from").textContent = Number.isFinite(low) ? low : "";
    control("to").textContent = Number.isFinite(high) ? high : "";
    const left = data.members.length - members.length;
    control("left").textContent = left ? `${left} of ${data.members.length} candidates were run on none of these rows and are left out.` : "";
    picture.width = canvas.width;
    picture.height = canvas.height;
    picture.getContext("2d").drawImage(canvas, 0, 0);
    outline();
  }
  /** On the frontier, on a row that tells members apart. */
  const leads = (value, column) => shown.telling[column] && value === shown.best[column];
  function hatch(x, y, width, height, pale) {
    pen.strokeStyle = pale;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(x + 1, y + height - 1);
    pen.lineTo(x + Math.min(width, height) - 1, y + height - Math.min(width, height) + 1);
    pen.stroke();
  }
  function ring(x, y, size, sheet, ink) {
    pen.beginPath();
    pen.arc(x, y, Math.max(1, size * 0.18), 0, 7);
    if (size < 9) {
      pen.fillStyle = sheet;
      pen.fill();
      return;
    }
    pen.lineWidth = 3.5;
    pen.strokeStyle = ink;
    pen.stroke();
    pen.lineWidth = 1.75;
    pen.strokeStyle = sheet;
    pen.stroke();
  }
  function outline() {
    if (!cell) return;
    pen.save();
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(picture, 0, 0);
    pen.restore();
    pen.strokeStyle = getComputedStyle(document.documentElement).color;
    pen.lineWidth = 2;
    pen.strokeRect(gutter + cell.place * shown.wide, top + cell.line * shown.tall, shown.wide - 1, shown.tall - 1);
  }
  function at(event) {
    const box = canvas.getBoundingClientRect();
    const place = Math.floor((event.clientX - box.left - gutter) / shown.wide);
    const line = Math.floor((event.clientY - box.top - top) / shown.tall);
    return place in shown.columns && line in shown.members ? { place, line } : null;
  }
  function words({ place, line }) {
    const [member, column] = [shown.members[line], shown.columns[place]];
    const value = shown.set.scores[member][column];
    const known = value === null ? "not run" : `scored ${value}${leads(value, column) ? ", on the frontier" : ""}`;
    return `${nameOf(member)} on ${shown.set.rows[column]}: ${known}`;
  }
  canvas.addEventListener("pointermove", (event) => {
    const found = at(event);
    if (found) showTip(event.clientX, event.clientY, [words(found)]);
    else hideTip();
  });
  canvas.addEventListener("pointerleave", hideTip);
  canvas.addEventListener("click", (event) => {
    const found = at(event);
    if (!found) return;
    cell = found;
    outline();
    control("said").textContent = words(cell);
    choose(shown.members[cell.line]);
  });
  canvas.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === "Enter" && cell) choose(shown.members[cell.line], { reveal: true });
    if (!move || !shown.columns.length) return;
    event.preventDefault();
    const next = (now, step, count) => Math.max(0, Math.min(count - 1, now + step));
    cell = cell
      ? { place: next(cell.place, move[0], shown.columns.length), line: next(cell.line, move[1], shown.members.length) }
      : { place: 0, line: 0 };
    outline();
    control("said").textContent = words(cell);
  });
  for (const id of ["set", "order", "rows"]) control(id).addEventListener("change", () => { cell = null; draw(); });
  // An adaptive search runs no validation row before its finals; until then only train rows have scores.
  const filled = data.heat.findIndex((set) => set.scores.some((line) => line.some((value) => value !== null)));
  if (filled > 0) control("set").value = String(filled);
  redraws.push(draw);
  new ResizeObserver(draw).observe(canvas.parentElement);
}
