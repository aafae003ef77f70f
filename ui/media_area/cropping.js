// The dialog that cuts a part out of a picture for one platform. The frame is counted in pixels of the picture.
const STEP = 0.01; // of the picture's side, for each press of an arrow; with Shift ten times that
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const LEAST = 16; // pixels on a side

// A frame of this width and shape, about the same middle, as far as the picture reaches; without a ratio, also of this height.
function sized(frame, picture, ratio, width, height = frame.height) {
  const widest = ratio ? Math.min(picture.width, picture.height * ratio) : picture.width;
  const w = clamp(width, Math.min(LEAST, widest), widest);
  const h = ratio ? w / ratio : clamp(height, Math.min(LEAST, picture.height), picture.height);
  return moved({ x: frame.x + (frame.width - w) / 2, y: frame.y + (frame.height - h) / 2, width: w, height: h }, picture, 0, 0);
}

function moved(frame, picture, dx, dy) {
  const x = clamp(frame.x + dx, 0, picture.width - frame.width);
  const y = clamp(frame.y + dy, 0, picture.height - frame.height);
  return { ...frame, x, y };
}

function whole({ x, y, width, height }, picture) {
  const w = clamp(Math.round(width), 1, picture.width);
  const h = clamp(Math.round(height), 1, picture.height);
  return { x: clamp(Math.round(x), 0, picture.width - w), y: clamp(Math.round(y), 0, picture.height - h), width: w, height: h };
}

function openCrop(state, picture, platform, opener) {
  const dialog = state.root.querySelector('dialog');
  const all = { x: 0, y: 0, width: picture.width, height: picture.height };
  const shapes = [...platform.shapes, { name: 'As it is', ratio: picture.width / picture.height }, { name: 'Free', ratio: null }];
  const before = picture.at[platform.key]?.box;
  const fits = before && shapes.find(({ ratio }) => ratio && Math.abs(ratio - before.width / before.height) < 0.01);
  const cut = { ratio: before ? (fits?.ratio ?? null) : shapes[0].ratio };
  cut.frame = before ? { ...before } : sized(all, picture, cut.ratio, picture.width);

  const img = el('img', { src: `${state.data.uploads}/${picture.id}`, alt: '', draggable: 'false' });
  const corner = el('span', { class: 'corner', 'aria-hidden': 'true' });
  const frame = el('div', {
    class: 'frame', tabindex: 0, role: 'application', 'aria-label': 'Frame: arrow keys move it', 'aria-describedby': 'crop-measure',
  }, corner);
  const stage = el('div', { class: 'stage', style: `--ratio: ${picture.width / picture.height}` }, img, frame);
  const slider = (side) => el('input', { type: 'range', id: `crop-${side}`, min: Math.min(LEAST, picture[side]), max: picture[side], step: 1 });
  const [wide, high] = [slider('width'), slider('height')];
  const measure = el('p', { class: 'muted', id: 'crop-measure', 'aria-live': 'polite' });
  const problem = el('p', { class: 'problem', role: 'alert' });

  const draw = () => {
    const { x, y, width, height } = cut.frame;
    frame.style.left = `${(100 * x) / picture.width}%`;
    frame.style.top = `${(100 * y) / picture.height}%`;
    frame.style.width = `${(100 * width) / picture.width}%`;
    frame.style.height = `${(100 * height) / picture.height}%`;
    [wide.value, high.value] = [width, height];
    const now = whole(cut.frame, picture);
    say(measure, `${sides(now)} of ${sides(picture)} pixels, from ${number(now.x)} across and ${number(now.y)} down.`);
  };
  const set = (made) => { cut.frame = made; draw(); };
  wide.oninput = () => set(sized(cut.frame, picture, cut.ratio, +wide.value));
  high.oninput = () => set(sized(cut.frame, picture, cut.ratio, cut.ratio ? +high.value * cut.ratio : cut.frame.width, +high.value));
  frame.onkeydown = (event) => {
    const way = ARROWS[event.key];
    if (!way) return;
    event.preventDefault();
    const by = STEP * (event.shiftKey ? 10 : 1);
    set(moved(cut.frame, picture, way[0] * by * picture.width, way[1] * by * picture.height));
  };
  // A press beside the frame brings it there: what is pressed becomes its middle.
  stage.onpointerdown = (event) => {
    const scale = picture.width / stage.clientWidth;
    const at = { x: event.clientX, y: event.clientY };
    event.preventDefault();
    frame.focus();
    if (event.target === img) {
      const box = stage.getBoundingClientRect();
      const [x, y] = [(at.x - box.left) * scale, (at.y - box.top) * scale];
      set(moved({ ...cut.frame, x: x - cut.frame.width / 2, y: y - cut.frame.height / 2 }, picture, 0, 0));
    }
    const from = { ...cut.frame };
    const byCorner = event.target === corner;
    stage.setPointerCapture(event.pointerId);
    stage.onpointermove = (move) => {
      const [dx, dy] = [(move.clientX - at.x) * scale, (move.clientY - at.y) * scale];
      set(byCorner ? sized(from, picture, cut.ratio, from.width + 2 * dx, from.height + 2 * dy) : moved(from, picture, dx, dy));
    };
    stage.onpointerup = () => { stage.onpointermove = null; };
    stage.onpointercancel = stage.onpointerup;
  };

  const choices = shapes.map(({ name, ratio }) => {
    const input = el('input', { type: 'radio', name: 'shape', onchange: () => {
      cut.ratio = ratio;
      set(ratio ? sized(cut.frame, picture, ratio, picture.width) : cut.frame);
    } });
    input.checked = ratio === cut.ratio;
    return el('label', {}, input, name);
  });
  const close = () => { dialog.close(); };
  const keep = button('Crop', async () => {
    keep.disabled = true;
    say(problem, '');
    const box = whole(cut.frame, picture);
    const found = await asked(`${state.data.uploads}/${picture.id}/crops`, { method: 'POST', body: JSON.stringify(box) });
    keep.disabled = false;
    if (!found.id) return say(problem, `${found.title} ${found.next_step}`);
    if (found.id === picture.id) delete picture.at[platform.key];
    else picture.at[platform.key] = { id: found.id, box };
    state.speak(`Cropped for ${platform.name}.`);
    state.changed();
    return close();
  }, { class: 'primary' });

  dialog.replaceChildren(
    el('h2', { id: 'crop-title' }, `Crop for ${platform.name}`),
    el('p', { class: 'muted' }, platform.says),
    el('fieldset', { class: 'shapes' }, el('legend', {}, 'Shape'), ...choices),
    stage,
    el('div', { class: 'sliders' }, el('label', { for: wide.id }, 'Width'), wide, el('label', { for: high.id }, 'Height'), high),
    measure, problem,
    el('div', { class: 'row end' }, button('Cancel', close), keep));
  dialog.onclose = () => { dialog.replaceChildren(); state.focusOn(opener); };
  dialog.showModal();
  frame.focus();
  draw();
}

// Ask our own server; whatever goes wrong has a title and a next step.
async function asked(address, how = {}) {
  try {
    const answer = await fetch(address, { ...how, headers: HEADER });
    return await answer.json();
  } catch {
    return { ...LOST, next_step: 'Try again.', again: true };
  }
}
