/** Characters that change how other text is shown, or hide in it: written out so that a reader sees them. */
const HIDDEN = /[\u200B\u2060\u00AD\uFEFF\u202A-\u202E\u2066-\u2069\u{E0000}-\u{E007F}]/gu;

export function visible(text: string): string {
  return text.replace(HIDDEN, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
  });
}

/** A line of Markdown without its marks, for previews: what it says, not how. */
export function plain(markdown: string): string {
  return markdown
    .replace(/```\w*/g, " ")
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/(\*\*|__|`|~~)/g, "")
    .replace(/(^|\n)\s*#{1,6}\s+/g, "$1")
    .replace(/\s+/g, " ")
    .trim();
}
