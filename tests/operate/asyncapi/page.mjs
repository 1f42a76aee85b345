// A page to browse a document with, in one file that needs no network: node page.mjs DOCUMENT PAGE.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { AvroSchemaParser } from '@asyncapi/avro-schema-parser';
import { Parser, stringify } from '@asyncapi/parser';

const part = (path) => readFileSync(fileURLToPath(new URL(`node_modules/@asyncapi/react-component/${path}`, import.meta.url)), 'utf8');
// Within a script element nothing may look like its end.
const inline = (text) => text.replaceAll('</script', '<\\/script');

const parser = new Parser();
parser.registerSchemaParser(AvroSchemaParser());
const { document } = await parser.parse(readFileSync(process.argv[2], 'utf8'));
if (document === undefined) throw new Error('the document is not valid: node check.mjs says why');
writeFileSync(
  process.argv[3],
  `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${document.info().title()} ${document.info().version()}</title>
<style>${part('styles/default.min.css')}</style>
<body>
<div id="asyncapi"></div>
<script>${inline(part('browser/standalone/without-parser.js'))}</script>
<script>
AsyncApiStandalone.render({ schema: ${inline(stringify(document))}, config: { show: { errors: false } } }, window.document.getElementById('asyncapi'));
</script>
`,
);
