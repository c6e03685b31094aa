// Bars over the runs, drawn as SVG, with the same numbers as a list for those who listen.
import { h, svg } from "/console/dom.js";

// Drawn about as large as they are shown, so that their texts can be read.
const width = () => (matchMedia("(max-width: 700px)").matches ? 300 : 520);
const HEIGHT = 160;
const LEFT = 46;
const BOTTOM = 20;

/// A round number that is not smaller.
function ceiling(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return [1, 2, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((round) => round >= value);
}

/// `bars`: {value, kind, title}, the oldest first. `spoken(value)` is how a value is written.
export function chart({ title, note, bars, spoken, empty }) {
  const body =
    bars.length === 0 ? h("p", { class: "quiet" }, empty) : drawn(title, note, bars, spoken);
  return h("section", { class: "card chart" }, h("h2", {}, title), body);
}

function drawn(title, note, bars, spoken) {
  const top = ceiling(Math.max(...bars.map((bar) => bar.value), 1));
  const WIDTH = width();
  const room = HEIGHT - BOTTOM - 8;
  const y = (value) => 8 + room - (value / top) * room;
  const step = (WIDTH - LEFT) / Math.max(bars.length, 12);
  const lines = [0, top / 2, top].map((value) => [
    svg("line", { class: "grid", x1: LEFT, x2: WIDTH, y1: y(value), y2: y(value) }),
    svg("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, spoken(value)),
  ]);
  const drawn = bars.map((bar, index) => {
    const height = bar.value > 0 ? Math.max(2, HEIGHT - BOTTOM - y(bar.value)) : 1;
    return svg(
      "rect",
      {
        class: `bar ${bar.kind}`,
        x: LEFT + index * step + step * 0.15,
        width: step * 0.7,
        y: HEIGHT - BOTTOM - height,
        height,
        rx: Math.min(2, step * 0.2),
      },
      svg("title", {}, bar.title),
    );
  });
  const end = (index, anchor, at) =>
    svg("text", { x: at, y: HEIGHT - 4, "text-anchor": anchor }, bars[index].when);
  return h(
    "figure",
    {},
    svg(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}. ${note}` },
      lines,
      drawn,
      end(0, "start", LEFT),
      bars.length > 3 && end(bars.length - 1, "end", LEFT + bars.length * step),
    ),
    h("figcaption", {}, note),
    h(
      "ul",
      { class: "unseen" },
      bars.map((bar) => h("li", {}, bar.title)),
    ),
  );
}
