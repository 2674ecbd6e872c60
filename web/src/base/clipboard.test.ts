import { afterEach, expect, it, vi } from "vitest";
import { copyText } from "~/base/clipboard";

afterEach(() => {
  vi.unstubAllGlobals();
});

it("copies without the clipboard of secure pages and leaves nothing behind", async () => {
  vi.stubGlobal("navigator", { clipboard: undefined });
  let copied = "";
  document.execCommand = () => {
    copied = document.querySelector("textarea")?.value ?? "";
    return true;
  };
  await copyText("session 1");
  expect(copied).toBe("session 1");
  expect(document.querySelector("textarea")).toBeNull();
});

it("says so where nothing can be copied", async () => {
  vi.stubGlobal("navigator", { clipboard: undefined });
  document.execCommand = () => false;
  await expect(copyText("x")).rejects.toThrow("does not let");
});
