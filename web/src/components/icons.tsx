import type { ReactNode } from "react";

/** Line icons on a 16 px grid; decorative, so the text beside them or a label must say the same. */
function icon(children: ReactNode) {
  return function Icon({ size = 16 }: { size?: number }) {
    return (
      <svg
        width={size}
        height={size}
        viewBox="0 0 16 16"
        fill="none"
        stroke="currentColor"
        strokeWidth={1.5}
        strokeLinecap="round"
        strokeLinejoin="round"
        aria-hidden="true"
        focusable="false"
      >
        {children}
      </svg>
    );
  };
}

export const icons = {
  search: icon(
    <>
      <circle cx="7" cy="7" r="4.25" />
      <path d="m10.2 10.2 3.3 3.3" />
    </>,
  ),
  close: icon(<path d="m4 4 8 8M12 4l-8 8" />),
  chevronRight: icon(<path d="m6 4 4 4-4 4" />),
  chevronDown: icon(<path d="m4 6 4 4 4-4" />),
  chevronUp: icon(<path d="m4 10 4-4 4 4" />),
  arrowLeft: icon(<path d="M13 8H3m4-4L3 8l4 4" />),
  copy: icon(
    <>
      <rect x="5.5" y="5.5" width="8" height="8" rx="1.5" />
      <path d="M10.5 5.5v-2a1 1 0 0 0-1-1h-6a1 1 0 0 0-1 1v6a1 1 0 0 0 1 1h2" />
    </>,
  ),
  check: icon(<path d="m3.5 8.5 3 3 6-7" />),
  alert: icon(
    <>
      <path d="M8 2.5 14.2 13.2H1.8L8 2.5Z" />
      <path d="M8 6.7v2.8M8 11.4v.05" />
    </>,
  ),
  clock: icon(
    <>
      <circle cx="8" cy="8" r="5.75" />
      <path d="M8 4.8V8l2.2 1.4" />
    </>,
  ),
  sun: icon(
    <>
      <circle cx="8" cy="8" r="2.75" />
      <path d="M8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9" />
    </>,
  ),
  moon: icon(<path d="M13.2 9.6A5.6 5.6 0 0 1 6.4 2.8a5.6 5.6 0 1 0 6.8 6.8Z" />),
  system: icon(
    <>
      <rect x="2" y="3" width="12" height="8" rx="1.5" />
      <path d="M6 13.5h4" />
    </>,
  ),
  help: icon(
    <>
      <circle cx="8" cy="8" r="5.75" />
      <path d="M6.4 6.3a1.65 1.65 0 1 1 2.3 1.6c-.5.2-.7.5-.7 1M8 11v.05" />
    </>,
  ),
  flow: icon(<path d="M2.5 4h7M5 8h8M7.5 12h4" />),
  chat: icon(
    <path d="M2.5 4.5a1.5 1.5 0 0 1 1.5-1.5h8a1.5 1.5 0 0 1 1.5 1.5v5a1.5 1.5 0 0 1-1.5 1.5H7.5L4.5 13.5V11H4a1.5 1.5 0 0 1-1.5-1.5Z" />,
  ),
  unfold: icon(<path d="m5 6 3-3 3 3M5 10l3 3 3-3" />),
  fold: icon(<path d="m5 3 3 3 3-3M5 13l3-3 3 3" />),
  zoom: icon(<path d="M2.5 4v8M13.5 4v8M5 8h6M7 6 5 8l2 2M9 6l2 2-2 2" />),
  tool: icon(
    <path d="M9.5 3.2a3.2 3.2 0 0 0-3 4.5l-4 4a1.3 1.3 0 0 0 1.8 1.8l4-4a3.2 3.2 0 0 0 4.3-4L10.8 7.3 8.7 5.2l1.9-1.9a3 3 0 0 0-1.1-.1Z" />,
  ),
  thought: icon(
    <>
      <path d="M8 2.5a4 4 0 0 0-2.3 7.3c.4.3.6.7.6 1.2h3.4c0-.5.2-.9.6-1.2A4 4 0 0 0 8 2.5Z" />
      <path d="M6.7 13.3h2.6" />
    </>,
  ),
};
