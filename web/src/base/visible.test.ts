import { expect, it } from "vitest";
import { visible } from "~/base/visible";

it("writes out characters that reorder or hide text and leaves all others", () => {
  expect(visible("a\u202Eb\u200Bc")).toBe("a⟨U+202E⟩b⟨U+200B⟩c");
  expect(visible("naïve 👩‍💻 שלום")).toBe("naïve 👩‍💻 שלום");
});
