// Small things that every part of the media area uses: elements, numbers in words.
const HEADER = { 'x-composer-upload': '1' }; // what api/uploads.py asks of a page of ours

function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) made[name] = value;
    else if (value === true) made.setAttribute(name, '');
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

const button = (text, onclick, attributes = {}) => el('button', { type: 'button', onclick, ...attributes }, text);
const number = (n) => Math.round(n).toLocaleString('en');
const sides = ({ width, height }) => `${number(width)} × ${number(height)}`;
const clamp = (n, least, most) => Math.max(least, Math.min(most, n));

function bytes(n) {
  return n < 1_000_000 ? `${number(n / 1000)} kB` : `${(n / 1_000_000).toLocaleString('en', { maximumFractionDigits: 1 })} MB`;
}

function clock(seconds) {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

const counted = (n, word) => `${number(n)} ${word}${n === 1 ? '' : 's'}`;
const isVideo = ({ seconds }) => seconds != null;

// Setting what is there already would move the caret, or be read out again.
function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
