/* The viewer: shows what its controls say, writes it into the address, and reads it from there.

   A classic script without modules, requests or canvases, so that it works from a file as from a server. Everything it
   knows stands in the page: attributes of the section and of the options. Without it the page shows one eye. */

(function () {
  "use strict";

  const viewer = document.getElementById("viewer");
  if (!viewer) return;

  const find = (id) => document.getElementById(id);
  const controls = { eye: find("eye"), bscan: find("bscan"), a: find("a"), b: find("b") };
  const switches = { lines: find("lines"), difference: find("difference") };
  const words = { S: "superior", I: "inferior", N: "nasal", T: "temporal" };
  const angles = viewer.dataset.angles.split(" ");
  const scans = [...viewer.querySelectorAll(".lines .scan")];
  const rims = [...viewer.querySelectorAll(".lines .rim")];

  const option = (select) => select.options[select.selectedIndex];
  const folder = () => `${viewer.dataset.root}${viewer.dataset.folder}/${controls.eye.value}/`;

  function show(image, path) {
    if (image.getAttribute("src") !== path) image.setAttribute("src", path);
  }

  function spoken(end) {
    return [...end].map((letter) => words[letter]).join("-");
  }

  function endsOf(eye, bscan) {
    return viewer.dataset[eye.dataset.side === "L" ? "endsL" : "endsR"].split(" ")[bscan].split("/");
  }

  function drawPhotograph(eye, bscan) {
    const numbers = eye.dataset.lines.split(" ");
    const picture = find("photograph");
    show(picture, `${folder()}photograph.webp`);
    picture.width = eye.dataset.width;
    picture.height = eye.dataset.height;
    picture.alt = `Fundus photograph of ${eye.text}, with six lines through the scan centre`;
    viewer.querySelector(".lines").setAttribute("viewBox", `0 0 ${eye.dataset.width} ${eye.dataset.height}`);
    const corner = `M${eye.dataset.width * 0.04} ${eye.dataset.height * 0.96}`;
    viewer.querySelector(".lines .scale").setAttribute("d", `${corner}h${eye.dataset.scale}`);
    [scans, rims].forEach((lines) => lines.forEach((line, i) => {
      ["x1", "y1", "x2", "y2"].forEach((name, k) => line.setAttribute(name, numbers[4 * i + k]));
      line.classList.toggle("current", lines === scans && i === bscan);
    }));
  }

  function told(eye, place) {
    const central = eye.dataset.central.split(" ")[place];
    const value = eye.dataset.values.split(" ")[place];
    const parts = [];
    if (central !== "-") parts.push(`Central thickness ${central}\u00a0µm`);
    if (value !== "-") parts.push(`${viewer.dataset.metric} ${value}`);
    return parts;
  }

  function drawPanel(side, source, name, eye, place, licence) {
    const failed = eye.dataset.missing.split(" ").includes(String(place));
    const parts = {
      bscans: [`bscans/${source}.webp`, `${name}: B-scan ${controls.bscan.value} of ${eye.text}`],
      surfaces: [`surfaces/${source}.svg`, ""],
      "en-face": [`en-face/${source}.webp`, `${name}: the six lines from the front`],
    };
    Object.entries(parts).forEach(([part, [path, alt]]) => {
      const image = find(`${side}-${part}`);
      image.hidden = failed;
      image.alt = alt;
      if (failed) image.removeAttribute("src");
      else show(image, folder() + path);
    });
    find(`${side}-absent`).hidden = !failed;
    find(`${side}-told`).textContent = [...told(eye, place), licence].filter(Boolean).join("\n");
  }

  function drawEntry(side, eye) {
    const chosen = option(controls[side]);
    const link = find(`${side}-page`);
    link.textContent = chosen.text;
    link.setAttribute("href", `${viewer.dataset.base}entries/${chosen.value}.html`);
    show(find(`${side}-under`), `${folder()}bscans/truth.webp`);
    drawPanel(side, chosen.value, chosen.text, eye, Number(chosen.dataset.place), `Licence: ${chosen.dataset.licence}`);
  }

  function draw() {
    const eye = option(controls.eye);
    const bscan = Number(controls.bscan.value) - 1;
    const ends = endsOf(eye, bscan);
    const way = `${angles[bscan]}, ${spoken(ends[0])} to ${spoken(ends[1])}`;
    viewer.dataset.bscan = bscan;
    viewer.toggleAttribute("data-lines", switches.lines.checked);
    viewer.toggleAttribute("data-difference", switches.difference.checked);
    drawPhotograph(eye, bscan);
    drawPanel("truth", "truth", "Truth", eye, 0, "");
    drawEntry("a", eye);
    drawEntry("b", eye);
    viewer.querySelectorAll(".end").forEach((label, i) => { label.textContent = ends[i % 2]; });
    find("bscan-told").textContent = `${bscan + 1} of 6, ${angles[bscan]}`;
    controls.bscan.setAttribute("aria-valuetext", `${bscan + 1} of 6, ${way}`);
    find("line-told").textContent = `B-scan ${bscan + 1} runs ${spoken(ends[0])} to ${spoken(ends[1])}.`;
    find("notes").textContent = `${eye.dataset.notes}.`;
    find("eye-before").disabled = controls.eye.selectedIndex === 0;
    find("eye-after").disabled = controls.eye.selectedIndex === controls.eye.options.length - 1;
    const shown = switches.difference.checked ? ", difference from truth" : "";
    find("status").textContent = `${eye.text}, B-scan ${bscan + 1} of 6, ${way}${shown}`;
  }

  function address() {
    const parts = Object.entries(controls).map(([name, control]) => `${name}=${control.value}`);
    Object.entries(switches).forEach(([name, box]) => { if (box.checked) parts.push(`${name}=1`); });
    return `#${parts.join("&")}`;
  }

  function changed() {
    draw();
    history.replaceState(null, "", address());
  }

  /* What the address says; a value that is not known leaves what is shown. */
  function readAddress() {
    const asked = new URLSearchParams(location.hash.slice(1));
    ["eye", "a", "b"].forEach((name) => {
      const known = [...controls[name].options].find((each) => each.value === asked.get(name));
      if (known) known.selected = true;
    });
    if (/^[1-6]$/.test(asked.get("bscan") || "")) controls.bscan.value = asked.get("bscan");
    Object.entries(switches).forEach(([name, box]) => { box.checked = asked.get(name) === "1"; });
    draw();
  }

  function turnEye(step) {
    const place = controls.eye.selectedIndex + step;
    if (place < 0 || place >= controls.eye.options.length) return;
    controls.eye.selectedIndex = place;
    changed();
  }

  function turnBscan(step) {
    const place = Number(controls.bscan.value) + step;
    if (place < 1 || place > 6) return;
    controls.bscan.value = place;
    changed();
  }

  function flip(name) {
    switches[name].checked = !switches[name].checked;
    changed();
  }

  const turns = { ArrowLeft: () => turnBscan(-1), ArrowRight: () => turnBscan(1) };
  const keys = {
    ArrowUp: () => turnEye(-1),
    ArrowDown: () => turnEye(1),
    p: () => turnEye(-1),
    n: () => turnEye(1),
    d: () => flip("difference"),
    s: () => flip("lines"),
  };

  /* Letters and up or down only where the pictures have the focus: elsewhere they are the reader's own. */
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const place = document.activeElement;
    const onPictures = place === find("panels");
    const free = place === null || place === document.body || place === find("content");
    const action = (onPictures || free ? turns[event.key] : null) || (onPictures ? keys[event.key] : null);
    if (!action) return;
    event.preventDefault();
    action();
  });

  Object.values(controls).forEach((control) => control.addEventListener("input", changed));
  Object.values(switches).forEach((box) => box.addEventListener("change", changed));
  find("eye-before").addEventListener("click", () => turnEye(-1));
  find("eye-after").addEventListener("click", () => turnEye(1));
  window.addEventListener("hashchange", readAddress);

  find("plain").hidden = true;
  viewer.hidden = false;
  readAddress();
})();
