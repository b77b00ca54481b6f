import { countLookUpCalls } from '../domain/identifiers.ts';
import { previewInProject } from '../erasure/preview.ts';
import type { Services } from '../services.ts';
import type { Project } from '../voucherify/client.ts';
import { type ManualRequest, manualErasure, type ProjectPreview, type RequestPreview } from './manual-event.ts';

/**
 * Looks up which customers a request would delete, in every project and within the quota. Stores, logs and deletes nothing.
 * `until` is the end of the last call in epoch milliseconds.
 */
export async function previewRequest(
  request: ManualRequest,
  until: number,
  services: Services,
): Promise<RequestPreview> {
  const projects: Record<string, ProjectPreview> = {};
  for (const [name, project] of services.projects) {
    projects[name] = await previewProject(project, request, until, services);
  }
  return { reference: request.reference, projects };
}

async function previewProject(
  project: Project,
  request: ManualRequest,
  until: number,
  services: Services,
): Promise<ProjectPreview> {
  const { identifiers } = manualErasure(request);
  const calls = countLookUpCalls(identifiers);
  // Not fresh: the burst is for platforms, which wait for a reply.
  const client = project.client({ id: 'preview', projects: {}, lookUpCalls: calls }, false);
  const { customersPerRequest: maxCustomers } = services.settings.limits;
  const asked = { identifiers, submittedAt: services.now(), maxCustomers, calls };
  const { resolved, refused } = await previewInProject(asked, client, until, services);
  if (resolved.kind === 'retry') return { kind: 'later', code: resolved.code };
  if (resolved.kind === 'review') return { kind: 'unclear', code: resolved.code };
  if (refused !== undefined) return { kind: 'unclear', code: refused };
  if (resolved.kind === 'found') return { kind: 'found', customers: resolved.candidates.length };
  if (resolved.kind === 'no-match' || resolved.kind === 'created-later') return { kind: resolved.kind };
  return { kind: 'unclear', code: resolved.kind };
}
