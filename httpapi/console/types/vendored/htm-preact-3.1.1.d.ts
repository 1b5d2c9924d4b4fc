// What the console uses of htm's build with Preact.
export function html(strings: TemplateStringsArray, ...values: any[]): any;
export function render(tree: any, parent: Element): void;
export function useState<T>(initial: T): [T, (next: T | ((old: T) => T)) => void];
export function useEffect(effect: () => void | (() => void), inputs?: any[]): void;
export function useRef<T>(initial: T): { current: T };
export function useCallback<T>(f: T, inputs: any[]): T;
export class Component {
  constructor(props: any);
  props: any;
  state: any;
}
