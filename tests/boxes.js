// What covers or cuts something on a report's page, measured from the boxes of its texts, legends and marks.
(() => {
  const found = new Set(), texts = [];
  const part = (box, frame) => {  // of a box, what lies within a frame
    const [left, top] = [Math.max(box.left, frame.left), Math.max(box.top, frame.top)];
    const [right, bottom] = [Math.min(box.right, frame.right), Math.min(box.bottom, frame.bottom)];
    return {left, top, right, bottom, width: right - left, height: bottom - top};
  };
  const seen = (box) => box.width > 0.5 && box.height > 0.5;
  const outside = (box, frame) =>
    Math.max(frame.left - box.left, box.right - frame.right, frame.top - box.top, box.bottom - frame.bottom);
  const add = (box, owner, text) => {
    const scroller = owner.closest(".table, .drawing, pre");
    const visible = scroller ? part(box, scroller.getBoundingClientRect()) : box;
    if (seen(visible)) texts.push({box: visible, owner, text: text.trim().slice(0, 50)});
  };

  const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (nodes.nextNode()) {
    const owner = nodes.currentNode.parentElement, range = document.createRange();
    if (!nodes.currentNode.data.trim() || owner.closest("script, style, svg, .skip, #js-plotly-tester")) continue;
    if (!owner.checkVisibility()) continue;
    range.selectNodeContents(nodes.currentNode);
    for (const box of range.getClientRects()) add(box, owner, nodes.currentNode.data);
  }
  for (const text of document.querySelectorAll(".drawing svg text")) {
    const box = text.getBoundingClientRect(), frame = text.closest("svg.main-svg").getBoundingClientRect();
    if (!text.textContent.trim() || !seen(box) || text.closest(".hoverlayer")) continue;
    if (outside(box, frame) > 1) found.add(`cut: ${text.textContent}`);
    add(box, text, text.textContent);
  }
  texts.sort((a, b) => a.box.top - b.box.top);
  texts.forEach((one, i) => {
    for (let j = i + 1; j < texts.length && texts[j].box.top < one.box.bottom - 1.5; j++) {
      const both = part(one.box, texts[j].box), [a, b] = [one.owner, texts[j].owner];
      if (both.width > 1.5 && both.height > 2.5 && !a.contains(b) && !b.contains(a)) {
        found.add(`overlap: ${one.text} | ${texts[j].text}`);
      }
    }
  });
  for (const legend of document.querySelectorAll(".drawing g.legend")) {
    for (const axes of legend.closest(".drawing").querySelectorAll(".subplot .plot, .xtick, .ytick")) {
      const both = part(legend.getBoundingClientRect(), axes.getBoundingClientRect());
      if (both.width > 1 && both.height > 2) found.add(`legend on the axes: ${legend.textContent}`);
    }
  }
  for (const mark of document.querySelectorAll(".drawing path.point")) {
    const frame = mark.closest("svg.main-svg").getBoundingClientRect(), box = mark.getBoundingClientRect();
    if (seen(box) && outside(box, frame) > 1) found.add(`mark cut: ${mark.closest(".drawing").textContent.slice(0, 40)}`);
  }
  for (const one of document.querySelectorAll("h1, h2, h3, p, dd, td, th, caption, figure")) {
    const scroller = one.closest(".table, .wide");
    if (!scroller && one.getBoundingClientRect().right > window.innerWidth + 1) found.add(`wide: ${one.textContent}`);
  }
  return [...found].map((one) => one.slice(0, 120));
})()
