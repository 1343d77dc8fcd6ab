/** The log of this process, as an application that configures LogTape gets it. */
import { configureSync, type LogLevel, type LogRecord, resetSync } from "@logtape/logtape";
import { LOG_CATEGORY } from "../../base/log.ts";

/** One record. */
export interface CapturedRecord {
  readonly message: string;
  readonly properties: Record<string, unknown>;
}

/** The records that come, of this level and above, while something is done, which may look at those that came so far. */
export async function capturedLog(
  lowestLevel: LogLevel,
  work: (records: readonly CapturedRecord[]) => Promise<void>,
): Promise<CapturedRecord[]> {
  const records: CapturedRecord[] = [];
  const sink = ({ message, properties }: LogRecord) =>
    records.push({ message: message.join(""), properties });
  configureSync({
    sinks: { sink },
    loggers: [
      { category: [LOG_CATEGORY], lowestLevel, sinks: ["sink"] },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: [] },
    ],
  });
  try {
    await work(records);
  } finally {
    resetSync();
  }
  return records;
}
