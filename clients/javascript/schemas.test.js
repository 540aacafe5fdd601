import assert from "node:assert/strict";
import { after, test } from "node:test";
import { create, createFileRegistry, fromJson } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import {
  AvroDeserializer, AvroSerializer, JsonDeserializer, JsonSerializer, ProtobufDeserializer, ProtobufSerializer, SchemaRegistryClient, SerdeType,
} from "@confluentinc/schemaregistry";
import { registryURL, serdetool, unique } from "./leat.js";

const registry = new SchemaRegistryClient({ baseURLs: [registryURL] });
const go = serdetool();
after(() => go.close());

const MONEY = '{"type":"record","name":"Money","namespace":"bank","fields":[{"name":"amount","type":"int"},{"name":"currency","type":"string"}]}';
const PAYMENT = '{"type":"record","name":"Payment","namespace":"bank","fields":[{"name":"id","type":"string"},{"name":"sum","type":"bank.Money"}]}';
const MONEY_JSON = '{"$id":"money.json","type":"object","properties":{"amount":{"type":"integer"}},"required":["amount"]}';
const PAYMENT_JSON = '{"title":"Payment","type":"object","properties":{"id":{"type":"string"},"sum":{"$ref":"money.json"}},"required":["id","sum"]}';
const VALUE = { id: "p-1", sum: { amount: 1250, currency: "EUR" } };

for (const [schemaType, money, payment, key, Serializer, Deserializer] of [
  ["AVRO", MONEY, PAYMENT, "bank.Money", AvroSerializer, AvroDeserializer],
  ["JSON", MONEY_JSON, PAYMENT_JSON, "money.json", JsonSerializer, JsonDeserializer],
]) {
  test(`${schemaType} with references, both ways with Go`, async () => {
    const topic = unique();
    const references = [{ name: key, subject: topic + "-money", version: 1 }];
    await registry.register(topic + "-money", { schemaType, schema: money });
    await registry.register(topic + "-value", { schemaType, schema: payment, references });
    const data = await new Serializer(registry, SerdeType.VALUE, { useLatestVersion: true }).serialize(topic, VALUE);
    const reader = new Deserializer(registry, SerdeType.VALUE, {});
    const plain = (v) => JSON.parse(JSON.stringify(v));
    assert.deepEqual(plain(await reader.deserialize(topic, data)), VALUE);
    const read = await go.ask({ op: "decode", type: schemaType, data: Buffer.from(data).toString("base64") });
    assert.deepEqual(read.value, VALUE);
    const { data: written } = await go.ask({ op: "encode", type: schemaType, schema: payment, references, topic, value: VALUE });
    assert.deepEqual(plain(await reader.deserialize(topic, Buffer.from(written, "base64"))), VALUE);
  });
}

const MONEY_PROTO = 'syntax = "proto3"; package bank; message Money { int32 amount = 1; string currency = 2; }';
const PAYMENT_PROTO = 'syntax = "proto3"; package bank; import "money.proto"; message Note {} message Payment { string id = 1; Money sum = 2; }';

// What protoc-gen-es would embed for the two files.
const field = (name, number, type, more = {}) => ({ name, number, type, label: "LABEL_OPTIONAL", jsonName: name, ...more });
const files = createFileRegistry(fromJson(FileDescriptorSetSchema, {
  file: [
    { name: "money.proto", package: "bank", syntax: "proto3",
      messageType: [{ name: "Money", field: [field("amount", 1, "TYPE_INT32"), field("currency", 2, "TYPE_STRING")] }] },
    { name: "payment.proto", package: "bank", syntax: "proto3", dependency: ["money.proto"],
      messageType: [{ name: "Note" }, { name: "Payment",
        field: [field("id", 1, "TYPE_STRING"), field("sum", 2, "TYPE_MESSAGE", { typeName: ".bank.Money" })] }] },
  ],
}));

test("PROTOBUF with references, both ways with Go", async () => {
  const topic = unique();
  const plain = ({ id, sum }) => ({ id, sum: { amount: sum.amount, currency: sum.currency } });
  const reader = new ProtobufDeserializer(registry, SerdeType.VALUE, {});
  // JavaScript registers both files by itself, as descriptors.
  const writer = new ProtobufSerializer(registry, SerdeType.VALUE, { registry: files, autoRegisterSchemas: true });
  const data = await writer.serialize(topic, create(files.getMessage("bank.Payment"), VALUE));
  assert.deepEqual(plain(await reader.deserialize(topic, data)), VALUE);
  const read = await go.ask({ op: "decode", type: "PROTOBUF", data: Buffer.from(data).toString("base64") });
  assert.deepEqual(read.value, VALUE);
  // Go registers the texts.
  const references = [{ name: "money.proto", subject: topic + "-money", version: 1 }];
  await registry.register(topic + "-money", { schemaType: "PROTOBUF", schema: MONEY_PROTO });
  const { data: written } = await go.ask(
    { op: "encode", type: "PROTOBUF", schema: PAYMENT_PROTO, references, topic: topic + "-go", message: "bank.Payment", value: VALUE });
  assert.deepEqual(plain(await reader.deserialize(topic + "-go", Buffer.from(written, "base64"))), VALUE);
});

test("a breaking schema is refused", async () => {
  const subject = unique();
  await registry.register(subject, { schemaType: "AVRO", schema: MONEY });
  const broken = MONEY.replace("}]}", '},{"name":"note","type":"string"}]}');
  await assert.rejects(registry.register(subject, { schemaType: "AVRO", schema: broken }), (e) => e.status === 409);
  assert.deepEqual(await registry.getAllVersions(subject), [1]);
});
