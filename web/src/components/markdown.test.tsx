import { cleanup, render } from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";
import { Markdown, safeUrl } from "~/components/markdown";

afterEach(cleanup);

function drawn(text: string): HTMLElement {
  return render(<Markdown text={text} />).container;
}

describe("Markdown", () => {
  it("draws headings, lists, tables and code", () => {
    const page = drawn(
      "# Plan\n\n- one **two**\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nx = 1\n```",
    );
    expect(page.querySelector("h3")?.textContent).toBe("Plan");
    expect(page.querySelector("li strong")?.textContent).toBe("two");
    expect(page.querySelectorAll("td")).toHaveLength(2);
    expect(page.querySelector("pre")?.textContent).toBe("x = 1");
  });

  it("shows HTML as the text it is", () => {
    const page = drawn("<b onclick='x()'>bold</b> <script>alert(1)</script>\n\n<div>block</div>");
    expect(page.querySelector("b, script, [onclick]")).toBeNull();
    expect(page.textContent).toContain("<script>alert(1)</script>");
    expect(page.textContent).toContain("<div>block</div>");
  });

  it("links to the web alone, names the host and keeps our address to itself", () => {
    const page = drawn("[go](https://host.example/x) [no](javascript:alert(1)) [in](/sessions)");
    const links = [...page.querySelectorAll("a")];
    expect(links.map((link) => link.href)).toEqual(["https://host.example/x"]);
    expect(links[0]?.textContent).toBe("go (host.example)");
    expect(links[0]?.rel).toBe("noopener noreferrer");
  });

  it("never loads an image from elsewhere", () => {
    const page = drawn("![cat](https://host.example/cat.png) ![dot](data:image/png;base64,AAAA)");
    expect([...page.querySelectorAll("img")].map((image) => image.alt)).toEqual(["dot"]);
    expect(page.querySelector("a.remote-image")?.textContent).toBe("Image: cat (host.example)");
  });

  it("cuts a long text and shows the rest on request", () => {
    const page = drawn("word ".repeat(10_000));
    expect(page.textContent?.length).toBeLessThan(10_000);
    expect(page.querySelector("button")?.textContent).toBe("Show all 50 kB");
  });
});

it("lets no other scheme pass", () => {
  const passed = [
    "https://a.example",
    "mailto:a@b.example",
    "data:text/html,x",
    "vbscript:x",
    "//a",
  ];
  expect(passed.map((href) => safeUrl(href) !== null)).toEqual([true, true, false, false, false]);
});
