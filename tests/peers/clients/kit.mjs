// fhir-kit-client, as it is published: prints what it heard as one JSON object.
import { Client } from "fhir-kit-client";

const { fhir, token } = JSON.parse(process.argv[2]);
const client = new Client({ baseUrl: fhir, bearerToken: token });
const ids = (bundle) => (bundle.entry ?? []).map((entry) => entry.resource.id);
const heard = {};

const statement = await client.capabilityStatement();
heard.statement = statement.resourceType;
heard.token = (await client.smartAuthMetadata()).tokenUrl?.toString() ?? "";

const made = await client.create({
  resourceType: "Patient",
  body: { resourceType: "Patient", name: [{ family: "Trousse" }], gender: "female" },
});
heard.created = made.meta.versionId;
const changed = await client.update({
  resourceType: "Patient", id: made.id, body: { ...made, birthDate: "1970-01-01" },
});
heard.updated = changed.meta.versionId;
const patched = await client.patch({
  resourceType: "Patient", id: made.id,
  jsonPatch: [{ op: "replace", path: "/gender", value: "other" }],
});
heard.patched = [patched.gender, patched.meta.versionId];
heard.vread = (await client.vread({ resourceType: "Patient", id: made.id, version: "1" })).gender;
heard.history = ids(await client.history({ resourceType: "Patient", id: made.id })).length;
heard.typeHistory = (await client.history({ resourceType: "Patient" })).type;
heard.systemHistory = (await client.history({})).type;

heard.searched = ids(await client.search({
  resourceType: "Observation", searchParams: { subject: "Patient/p1", _sort: "-date", _count: 3 },
}));
heard.compartment = ids(await client.search({
  resourceType: "Observation", compartment: { resourceType: "Patient", id: "p2" }, searchParams: { _count: 50 },
})).length;
heard.system = ids(await client.search({ searchParams: { _type: "Patient", _id: "p0" } }));
heard.posted = ids(await client.search({
  resourceType: "Patient", searchParams: { family: "pairs" }, options: { postSearch: true },
})).length;

let page = await client.search({ resourceType: "Observation", searchParams: { subject: "Patient/p0", _count: 3 } });
const seen = [];
while (page) {
  seen.push(...ids(page));
  page = await client.nextPage({ bundle: page });
}
heard.pages = seen;

const reference = await client.resolve({ reference: "Patient/p1" });
heard.resolved = reference.id;
heard.everything = (await client.operation({
  name: "$everything", resourceType: "Patient", id: "p1", method: "GET",
})).total;
heard.batch = (await client.batch({ body: {
  resourceType: "Bundle", type: "batch",
  entry: [{ request: { method: "GET", url: "Patient/p1" } }, { request: { method: "GET", url: "Patient/nobody" } }],
} })).entry.map((entry) => entry.response.status.slice(0, 3));
heard.transaction = (await client.transaction({ body: {
  resourceType: "Bundle", type: "transaction",
  entry: [{ resource: { resourceType: "Patient" }, request: { method: "POST", url: "Patient" } }],
} })).entry[0].response.status.slice(0, 3);

await client.delete({ resourceType: "Patient", id: made.id });
try {
  await client.read({ resourceType: "Patient", id: made.id });
} catch (refused) {
  heard.gone = [refused.response.status, refused.response.data.resourceType];
}
console.log(JSON.stringify(heard));
