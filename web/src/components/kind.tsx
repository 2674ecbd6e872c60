import { kindOf } from "~/base/kinds";
import "~/components/kind.css";

/** The letter of a span's kind on its colour; the word is its title and its accessible name. */
export function KindBadge({ type }: { type: string }) {
  const kind = kindOf(type);
  return (
    <span className="kind-badge" style={{ color: kind.color }} title={kind.label}>
      <span aria-hidden="true">{kind.letter}</span>
      <span className="sr-only">{kind.label}</span>
    </span>
  );
}
