/**
 * Which nodes of the tree are folded, as the URL writes it: short ids, separated by commas.
 *
 * A node of spans is unfolded unless it is named; a leading `*` turns that around. A group of repeated
 * spans is always folded unless it is named.
 */
export type Folds = { all: boolean; except: ReadonlySet<string> };

const SHORT = 8;
const GROUP = "g";

/** Id of the group that begins with this span; span ids are hexadecimal, so no span has it. */
export function groupId(firstSpanId: string): string {
  return GROUP + firstSpanId;
}

export function readFolds(text: string | undefined): Folds {
  const parts = (text ?? "").split(",").filter(Boolean);
  const all = parts[0] === "*";
  return { all, except: new Set(all ? parts.slice(1) : parts) };
}

export function writeFolds(folds: Folds): string | undefined {
  const parts = [...(folds.all ? ["*"] : []), ...folds.except];
  return parts.length > 0 ? parts.join(",") : undefined;
}

function isFoldedUnlessNamed(folds: Folds, id: string): boolean {
  return folds.all || id.startsWith(GROUP);
}

export function isFolded(folds: Folds, id: string): boolean {
  return isFoldedUnlessNamed(folds, id) !== folds.except.has(id.slice(0, SHORT));
}

/** The same folds with these nodes folded or not. */
export function setFolded(folds: Folds, ids: readonly string[], folded: boolean): Folds {
  const except = new Set(folds.except);
  for (const id of ids) {
    if (isFoldedUnlessNamed(folds, id) === folded) except.delete(id.slice(0, SHORT));
    else except.add(id.slice(0, SHORT));
  }
  return { all: folds.all, except };
}
