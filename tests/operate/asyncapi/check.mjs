// What AsyncAPI's own parser says of a document, Avro schemas and examples included: node check.mjs FILE prints JSON.
import { readFileSync } from 'node:fs';
import { AvroSchemaParser } from '@asyncapi/avro-schema-parser';
import { Parser } from '@asyncapi/parser';

const parser = new Parser();
parser.registerSchemaParser(AvroSchemaParser());
const { document, diagnostics } = await parser.parse(readFileSync(process.argv[2], 'utf8'));
const channels = document?.channels().all().map((channel) => channel.address()) ?? [];
console.log(
  JSON.stringify({
    valid: document !== undefined,
    channels,
    diagnostics: diagnostics.map(({ severity, code, message, path }) => ({ severity, code, message, path: path.join('.') })),
  }),
);
