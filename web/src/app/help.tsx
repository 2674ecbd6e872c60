import { useEffect, useRef } from "react";
import { IconButton } from "~/components/button";
import { icons } from "~/components/icons";

const GROUPS: { title: string; keys: [string, string][] }[] = [
  {
    title: "Everywhere",
    keys: [
      ["?", "This list"],
      ["g", "Sessions"],
      ["t", "Switch light, dark, system"],
      ["Esc", "Close the panel or the box"],
    ],
  },
  {
    title: "Session list",
    keys: [
      ["/", "Filter"],
      ["j k", "Next, previous session"],
      ["↑ ↓", "The same"],
      ["Enter", "Open"],
      ["l", "Live on or off"],
    ],
  },
  {
    title: "Session",
    keys: [
      ["1 2", "Flow, Chat"],
      ["↑ ↓ j k", "Next, previous span"],
      ["← →", "Fold, unfold"],
      ["[ ]", "Fold, unfold all"],
      ["e E", "Next, previous error"],
      ["z", "Zoom to the span"],
      ["0", "Whole session"],
      ["J K", "Older, newer session"],
      ["y", "Copy the link"],
    ],
  },
];

export function Help({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    if (isOpen && !element?.open) element?.showModal();
    if (!isOpen && element?.open) element.close();
  }, [isOpen]);
  return (
    <dialog ref={dialog} className="help" onClose={onClose} aria-labelledby="help-title">
      <header>
        <h2 id="help-title">Keyboard</h2>
        <IconButton label="Close" onClick={onClose}>
          <icons.close />
        </IconButton>
      </header>
      <div className="help-groups">
        {GROUPS.map((group) => (
          <section key={group.title}>
            <h3>{group.title}</h3>
            <dl>
              {group.keys.map(([keys, meaning]) => (
                <div key={keys}>
                  <dt>
                    {keys.split(" ").map((key) => (
                      <kbd key={key}>{key}</kbd>
                    ))}
                  </dt>
                  <dd>{meaning}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </dialog>
  );
}
