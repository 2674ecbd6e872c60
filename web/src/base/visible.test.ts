import { expect, it } from "vitest";
import { plain, visible } from "~/base/visible";

it("writes out characters that reorder or hide text and leaves all others", () => {
  expect(visible("a\u202Eb\u200Bc")).toBe("a⟨U+202E⟩b⟨U+200B⟩c");
  expect(visible("naïve 👩‍💻 שלום")).toBe("naïve 👩‍💻 שלום");
});

it("takes the marks off a line of Markdown", () => {
  expect(plain("## Your order **#5512**\nsee [it](https://x.example) in `track`")).toBe(
    "Your order #5512 see it in track",
  );
  expect(plain("2 * 3 * 4 and snake_case")).toBe("2 * 3 * 4 and snake_case");
});
