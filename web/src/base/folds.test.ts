import { expect, it } from "vitest";
import { groupId, isFolded, readFolds, setFolded, writeFolds } from "~/base/folds";

it("keeps folds in the URL, some folded or all but some", () => {
  const some = setFolded(readFolds(undefined), ["aaaaaaaa11111111"], true);
  expect(writeFolds(some)).toBe("aaaaaaaa");
  expect(isFolded(some, "aaaaaaaa11111111")).toBe(true);

  const most = setFolded(readFolds("*"), ["bbbbbbbb11111111"], false);
  expect(writeFolds(most)).toBe("*,bbbbbbbb");
  expect([isFolded(most, "bbbbbbbb11111111"), isFolded(most, "cccccccc")]).toEqual([false, true]);
  expect(writeFolds(setFolded(some, ["aaaaaaaa11111111"], false))).toBeUndefined();
});

it("keeps groups folded until one is named", () => {
  const group = groupId("aaaaaaaa11111111");
  expect(isFolded(readFolds(undefined), group)).toBe(true);
  const opened = setFolded(readFolds(undefined), [group], false);
  expect(isFolded(opened, group)).toBe(false);
  expect(isFolded(readFolds(writeFolds(opened)), group)).toBe(false);
  expect(writeFolds(setFolded(opened, [group], true))).toBeUndefined();
});
