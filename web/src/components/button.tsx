import { type ComponentProps, type ReactNode, useEffect, useRef, useState } from "react";
import { copyText } from "~/base/clipboard";
import { icons } from "~/components/icons";
import "~/components/button.css";

type ButtonProps = ComponentProps<"button"> & { variant?: "plain" | "ghost" };

export function Button({ variant = "plain", className = "", ...props }: ButtonProps) {
  return <button type="button" className={`button button-${variant} ${className}`} {...props} />;
}

/** A square button that shows an icon; `label` is its name and tooltip. */
export function IconButton({
  label,
  className = "",
  children,
  ...props
}: ComponentProps<"button"> & { label: string; children: ReactNode }) {
  return (
    <button
      type="button"
      className={`icon-button ${className}`}
      aria-label={label}
      title={label}
      {...props}
    >
      {children}
    </button>
  );
}

/** Copies `text` and says so for a moment. */
export function CopyButton({
  text,
  label = "Copy",
}: {
  text: string | (() => string);
  label?: string;
}) {
  const [isDone, setDone] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async () => {
    await copyText(typeof text === "string" ? text : text());
    setDone(true);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setDone(false), 1500);
  };
  return (
    <IconButton label={isDone ? "Copied" : label} className="copy-button" onClick={copy}>
      {isDone ? <icons.check size={14} /> : <icons.copy size={14} />}
    </IconButton>
  );
}

type Choice<T extends string> = { value: T; label: string; icon?: ReactNode; hint?: string };

/** One choice out of a few, all in sight. */
export function Segmented<T extends string>({
  label,
  value,
  choices,
  onChange,
}: {
  label: string;
  value: T;
  choices: readonly Choice<T>[];
  onChange: (value: T) => void;
}) {
  return (
    <fieldset className="segmented">
      <legend className="sr-only">{label}</legend>
      {choices.map((choice) => (
        <button
          key={choice.value}
          type="button"
          aria-pressed={choice.value === value}
          title={choice.hint}
          onClick={() => onChange(choice.value)}
        >
          {choice.icon}
          {choice.label}
        </button>
      ))}
    </fieldset>
  );
}
