/**
 * The table of the API's routes: what is not in it does not exist.
 *
 * @module
 */
import type { Route } from "./route.ts";
import { ACTION_ROUTES } from "./routes/actions.ts";
import { EVENT_ROUTES } from "./routes/events.ts";
import { HISTORY_ROUTES } from "./routes/history.ts";
import { HOLD_ROUTES } from "./routes/holds.ts";
import { IMPORT_ROUTES } from "./routes/import.ts";
import { INBOX_ROUTES } from "./routes/inbox.ts";
import { PLAN_ROUTES } from "./routes/plan.ts";
import { QUEUE_ROUTES } from "./routes/queue.ts";
import { RELOAD_ROUTES } from "./routes/reload.ts";
import { STATUS_ROUTES } from "./routes/status.ts";
import { SUMMARY_ROUTES } from "./routes/summary.ts";

/** Every route; of two that fit a path, the first answers. */
export const ROUTES: readonly Route[] = [
  ...SUMMARY_ROUTES,
  ...QUEUE_ROUTES,
  ...ACTION_ROUTES,
  ...IMPORT_ROUTES,
  ...INBOX_ROUTES,
  ...HOLD_ROUTES,
  ...HISTORY_ROUTES,
  ...PLAN_ROUTES,
  ...EVENT_ROUTES,
  ...RELOAD_ROUTES,
  ...STATUS_ROUTES,
];
