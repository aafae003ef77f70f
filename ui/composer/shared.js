import { lengthBy, fittingBy, marksBy } from './counting.js';

export const counting = { lengthBy, fittingBy, marksBy };

export default function () {}
