// What all fields of a page share. Nothing is drawn: the script leaves it where the fields look for it.
import { lengthBy, fittingBy, marksBy } from './counting.js';
import { completion } from './completing.js';
import { hidden } from './hidden.js';

export const counting = { lengthBy, fittingBy, marksBy };

export default function ({ parentElement }) {
  const place = parentElement.getRootNode().host?.closest('[data-testid=stElementContainer]');
  if (place) place.style.display = 'none'; // or an empty place would leave a gap
  globalThis[Symbol.for('composer.shared')] ??= { rules: counting, completion, hidden };
  document.dispatchEvent(new Event('composer-shared'));
}
