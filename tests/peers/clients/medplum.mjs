// @medplum/core, as it is published: prints what it heard as one JSON object.
import { MedplumClient } from "@medplum/core";

const { fhir, token } = JSON.parse(process.argv[2]);
const url = new URL(fhir);
const client = new MedplumClient({
  baseUrl: `${url.origin}/`, fhirUrlPath: url.pathname.slice(1), accessToken: token, fetch,
  cacheTime: 0, storage: undefined,
});
client.setAccessToken(token);
const heard = {};

const made = await client.createResource({ resourceType: "Patient", name: [{ family: "Medplum" }] });
heard.created = made.meta.versionId;
const again = await client.createResourceIfNoneExist(
  { resourceType: "Patient", identifier: [{ system: "urn:x", value: "1" }] }, "identifier=urn:x|1");
const twice = await client.createResourceIfNoneExist(
  { resourceType: "Patient", identifier: [{ system: "urn:x", value: "1" }] }, "identifier=urn:x|1");
heard.once = again.id === twice.id;
const changed = await client.updateResource({ ...made, gender: "female" });
heard.updated = changed.meta.versionId;
const patched = await client.patchResource("Patient", made.id, [{ op: "add", path: "/active", value: true }]);
heard.patched = patched.active;
heard.read = (await client.readResource("Patient", "p1")).id;
heard.history = (await client.readHistory("Patient", made.id)).entry.length;
heard.version = (await client.readVersion("Patient", made.id, "1")).meta.versionId;
heard.searched = (await client.searchResources("Observation", "subject=Patient/p1&_sort=-date&_count=3")).map((one) => one.id);
heard.one = (await client.searchOne("Patient", "family=Medplum")).id === made.id;
const pages = [];
for await (const page of client.searchResourcePages("Observation", { subject: "Patient/p0", _count: 3 })) {
  pages.push(page.length);
}
heard.pages = pages;
heard.everything = (await client.readPatientEverything("p1")).total;
heard.batch = (await client.executeBatch({
  resourceType: "Bundle", type: "batch", entry: [{ request: { method: "GET", url: "Patient/p1" } }],
})).entry[0].response.status.slice(0, 3);
heard.valid = (await client.validateResource({ resourceType: "Patient" })).resourceType;
await client.deleteResource("Patient", made.id);
try {
  await client.readResource("Patient", made.id);
} catch (refused) {
  heard.gone = refused.outcome.resourceType;
}
console.log(JSON.stringify(heard));
