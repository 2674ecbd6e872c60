import { QueryClient as Client, type QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  Link,
  lazyRouteComponent,
  redirect,
} from "@tanstack/react-router";
import { queries } from "~/api/queries";
import { Shell } from "~/app/shell";
import { Notice } from "~/components/states";
import { readSessionSearch } from "~/pages/session/search";
import { SessionsPage } from "~/pages/sessions";
import { readSessionsSearch } from "~/pages/sessions/search";
import { TracePage } from "~/pages/trace";

type Context = { queryClient: QueryClient };

const root = createRootRouteWithContext<Context>()({
  component: Shell,
  notFoundComponent: () => (
    <Notice title="There is no such page" action={<Link to="/sessions">Go to the sessions</Link>} />
  ),
});

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/sessions", replace: true });
  },
});

const sessions = createRoute({
  getParentRoute: () => root,
  path: "/sessions",
  validateSearch: readSessionsSearch,
  component: SessionsPage,
});

const session = createRoute({
  getParentRoute: () => root,
  path: "/s/$sessionId",
  validateSearch: readSessionSearch,
  loader: ({ context, params }) => {
    // Asked for while the page's code is still on its way.
    void context.queryClient.prefetchQuery(queries.session(params.sessionId));
    void context.queryClient.prefetchQuery(queries.skeleton(params.sessionId));
  },
  component: lazyRouteComponent(() => import("~/pages/session"), "SessionPage"),
});

const trace = createRoute({
  getParentRoute: () => root,
  path: "/t/$traceId",
  component: TracePage,
});

const welcome = createRoute({
  getParentRoute: () => root,
  path: "/welcome",
  component: lazyRouteComponent(() => import("~/pages/welcome"), "WelcomePage"),
});

export const queryClient = new Client({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (failures, error) => failures < 2 && (error as { status?: number }).status === 0,
      refetchOnWindowFocus: false,
    },
  },
});

export const router = createRouter({
  routeTree: root.addChildren([home, sessions, session, trace, welcome]),
  context: { queryClient },
  defaultPreload: false,
  scrollRestoration: false,
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const parameters = new URLSearchParams();
    for (const [key, value] of Object.entries(search)) {
      if (value !== undefined && value !== "") parameters.set(key, String(value));
    }
    return parameters.size > 0 ? `?${parameters}` : "";
  },
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
