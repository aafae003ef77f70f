// What the browser's rules make of texts: `node counted.mjs RULES TEXTS`, both files; a line of JSON comes out.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const { found } = await import(pathToFileURL(process.argv[2]));
console.log(JSON.stringify(JSON.parse(readFileSync(process.argv[3])).map(found)));
