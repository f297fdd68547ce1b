// The API as openapi.json has it. Written by `go test ./collector -run OpenAPI -update`.

export namespace agents {
  export interface Adapter {
    readonly if_index: number;
    readonly mac: string;
  }
  export interface AgentInfo {
    readonly agent: string;
    readonly contested: boolean;
    readonly datagrams: number;
    readonly debt?: readonly agents.DebtInfo[];
    readonly first_heard: string;
    readonly frames_lost?: number;
    readonly hosts?: readonly agents.HostInfo[];
    readonly hypervisor: boolean;
    readonly interfaces: readonly agents.InterfaceInfo[];
    readonly known: boolean;
    readonly last_heard: string;
    readonly name?: string;
    readonly number: number;
    readonly source: string;
    readonly sources: readonly agents.SourceInfo[];
    readonly sub_agents: readonly agents.SubAgentInfo[];
  }
  export interface DebtInfo {
    readonly count: number;
    readonly format: string;
    readonly kind: string;
    readonly name?: string;
  }
  export interface HostInfo {
    readonly adapters?: readonly agents.Adapter[];
    readonly machine_type: number;
    readonly name: string;
    readonly os_name: number;
    readonly os_release?: string;
    readonly parent?: string;
    readonly source: string;
    readonly uuid?: string;
  }
  export interface InterfaceInfo {
    readonly admin_up: boolean;
    readonly alias?: string;
    readonly counted: boolean;
    readonly direction: number;
    readonly group?: number;
    readonly in: agents.Rates;
    readonly index: number;
    readonly last_heard?: string;
    readonly name?: string;
    readonly oper_up: boolean;
    readonly out: agents.Rates;
    readonly resets: number;
    readonly said_speed: number;
    readonly speed: number;
    readonly type: number;
  }
  export interface Rates {
    readonly bits_per_second: null | number;
    readonly discards: null | number;
    readonly errors: null | number;
    readonly packets: null | number;
  }
  export interface SequenceInfo {
    readonly duplicates: number;
    readonly jumps: number;
    readonly late: number;
    readonly lost: number;
    readonly received: number;
    readonly spaces: number;
  }
  export interface SourceInfo {
    readonly counters: agents.SequenceInfo;
    readonly direction?: string;
    readonly discards: agents.SequenceInfo;
    readonly drops: number;
    readonly effective_rate: number;
    readonly flows: agents.SequenceInfo;
    readonly last_flow?: string;
    readonly number: number;
    readonly sampling_rate: number;
    readonly shared_pool: boolean;
    readonly source: string;
    readonly sub_agent: number;
    readonly used_rate: number;
  }
  export interface SubAgentInfo {
    readonly datagrams: agents.SequenceInfo;
    readonly id: number;
    readonly last_heard: string;
    readonly restarts: number;
    readonly uptime_ns: number;
  }
}

export namespace audit {
  export interface Entry {
    readonly at: string;
    readonly from?: string;
    readonly method: string;
    readonly octets?: number;
    readonly path: string;
    readonly person?: string;
    readonly query?: string;
    readonly role?: string;
    readonly seconds?: number;
    readonly status?: number;
    readonly via?: string;
    readonly what: string;
  }
}

export namespace care {
  export interface Care {
    readonly ack?: care.Deed;
    readonly mark?: care.Deed;
    readonly mute?: care.Deed;
  }
  export interface Deed {
    readonly at: string;
    readonly by: string;
    readonly do: string;
    readonly note?: string;
    readonly until?: string;
    readonly verdict?: string;
  }
}

export namespace collector {
  export interface DeedAsk {
    readonly for?: string;
    readonly note?: string;
    readonly until?: string;
    readonly verdict?: string;
  }
  export interface Done {
    readonly care: care.Care | null;
    readonly id: string;
    readonly line: string;
    readonly wait?: string;
  }
  export interface HeldView {
    readonly at: string;
    readonly by: string;
    readonly id: string;
    readonly made: string;
    readonly note?: string;
    readonly octets: number;
  }
  export interface HoldAsk {
    readonly note?: string;
  }
  export interface KeyView {
    readonly at?: string;
    readonly by?: string;
    readonly key: string;
  }
  export interface MuteView {
    readonly at: string;
    readonly by: string;
    readonly do: string;
    readonly key: string;
    readonly note?: string;
    readonly until?: string;
    readonly verdict?: string;
  }
  export interface NewKey {
    readonly key: string;
  }
  export interface RuleView {
    readonly at?: string;
    readonly by?: string;
    readonly name: string;
    readonly off: boolean;
    readonly says: string;
    readonly severity: string;
  }
}

export namespace detect {
  export interface Top {
    readonly absent: number;
    readonly distinct_of?: string;
    readonly exact: boolean;
    readonly items: readonly detect.TopItem[];
    readonly key: string;
    readonly seconds: number;
    readonly to: string;
    readonly total: number;
    readonly unit: string;
    readonly value: string;
    readonly window_seconds: number;
  }
  export interface TopDistinct {
    readonly estimate: number;
    readonly high?: number;
    readonly low: number;
    readonly seconds: number;
  }
  export interface TopItem {
    readonly distinct?: detect.TopDistinct;
    readonly domain?: string;
    readonly effective_samples: number;
    readonly high: number;
    readonly instance_uuid?: string;
    readonly key: { readonly [name: string]: number | string };
    readonly low: number;
    readonly rate: number;
    readonly samples: number;
    readonly table_lower?: number;
    readonly table_upper?: number;
  }
}

export namespace evidence {
  export interface File {
    readonly bytes: number;
    readonly changed: string;
    readonly id: string;
  }
}

export namespace flows {
  export interface Result {
    readonly broken?: string;
    readonly files: number;
    readonly keys: number;
    readonly notes?: readonly string[];
    readonly rollup?: flows.Rolled;
    readonly rows: readonly flows.Sum[];
    readonly scanned: number;
    readonly skipped: number;
    readonly total: flows.Sum;
  }
  export interface Rolled {
    readonly definition: string;
    readonly hours: number;
    readonly minutes: number;
    readonly rest: number;
  }
  export interface Sum {
    readonly bytes: number;
    readonly first: string;
    readonly high: number;
    readonly key: readonly string[];
    readonly last: string;
    readonly low: number;
    readonly missed?: number;
    readonly packets: number;
    readonly packets_high: number;
    readonly packets_low: number;
    readonly points: number;
    readonly samples: number;
    readonly step?: number;
  }
}

export namespace site {
  export interface Branch {
    readonly bad: number;
    readonly bridges?: readonly site.BridgeView[];
    readonly cut?: boolean;
    readonly health: string;
    readonly instances: number;
    readonly key: string;
    readonly kind: string;
    readonly last_heard?: string;
    readonly links: readonly site.PortView[];
    readonly name?: string;
    readonly orphans: number;
    readonly parts: readonly site.BridgeBranch[];
    readonly port?: string;
    readonly ports: number;
    readonly ports_down: number;
    readonly self: string;
    readonly speakers: readonly string[];
    readonly under?: string;
    readonly unseen: number;
    readonly version?: string;
  }
  export interface BridgeBranch {
    readonly health: string;
    readonly instances: readonly site.InstanceView[];
    readonly name: string;
    readonly ports: readonly site.PortView[];
  }
  export interface BridgeView {
    readonly health: string;
    readonly instances: string;
    readonly name: string;
    readonly ports: number;
  }
  export interface Child {
    readonly kind: string;
    readonly line: string;
    readonly since: string;
    readonly subject: site.Subject;
  }
  export interface Explanation {
    readonly causes: string;
    readonly confirm: readonly [string, string];
    readonly kind: string;
    readonly meaning: string;
    readonly wrong: string;
  }
  export interface Found {
    readonly bridge?: string;
    readonly detail?: string;
    readonly health: string;
    readonly label: string;
    readonly name: string;
    readonly node: string;
    readonly type: string;
  }
  export interface Incident {
    readonly addresses?: readonly string[];
    readonly affected: number;
    readonly alerts: readonly string[];
    readonly began: string;
    readonly children?: readonly site.Child[];
    readonly cut?: boolean;
    readonly ended?: string;
    readonly id: string;
    readonly kind: string;
    readonly line: string;
    readonly nodes: readonly string[];
    readonly root?: unknown;
    readonly severity: string;
    readonly state: string;
    readonly steps: readonly site.Step[];
  }
  export interface InstanceView {
    readonly addresses?: readonly string[];
    readonly blind?: string;
    readonly health: string;
    readonly macs?: readonly string[];
    readonly name: string;
    readonly observed: readonly string[];
    readonly port?: string;
    readonly project?: string;
    readonly state?: string;
    readonly uuid?: string;
  }
  export interface NodeView {
    readonly bad: number;
    readonly bridges?: readonly site.BridgeView[];
    readonly health: string;
    readonly instances: number;
    readonly key: string;
    readonly kind: string;
    readonly last_heard?: string;
    readonly name?: string;
    readonly orphans: number;
    readonly port?: string;
    readonly ports: number;
    readonly ports_down: number;
    readonly self: string;
    readonly under?: string;
    readonly unseen: number;
  }
  export interface Overview {
    readonly at: string;
    readonly bad: number;
    readonly bridges: number;
    readonly instances: number;
    readonly nodes: readonly site.NodeView[];
    readonly orphans: number;
    readonly unseen: number;
  }
  export interface PortView {
    readonly attached?: readonly string[];
    readonly health: string;
    readonly index: number;
    readonly name: string;
    readonly status: string;
  }
  export interface Step {
    readonly at: string;
    readonly before?: string;
    readonly entity?: string;
    readonly from?: string;
    readonly is?: string;
    readonly node?: string;
    readonly skew?: string;
    readonly until?: string;
    readonly was?: string;
    readonly what: string;
  }
  export interface Subject {
    readonly address?: string;
    readonly agent?: string;
    readonly alias?: string;
    readonly if_index?: number;
    readonly label?: string;
    readonly mac?: string;
    readonly name?: string;
    readonly node?: string;
    readonly project?: string;
    readonly source?: string;
    readonly type: string;
    readonly uuid?: string;
  }
  export interface Window {
    readonly from: string;
    readonly id: string;
    readonly owner: string;
    readonly reason: string;
    readonly subject: string;
    readonly to: string;
    readonly zone?: string;
  }
}

export namespace store {
  export interface AlertAnswer {
    readonly alerts: readonly store.AlertChange[];
    readonly from: string;
    readonly kinds?: readonly string[];
    readonly older: boolean;
    readonly to: string;
  }
  export interface AlertChange {
    readonly at: string;
    readonly care?: care.Care;
    readonly change: string;
    readonly evidence: unknown;
    readonly flapping?: boolean;
    readonly id: string;
    readonly incident?: string;
    readonly kind: string;
    readonly line: string;
    readonly lost?: number;
    readonly n: number;
    readonly reason?: string;
    readonly seq: number;
    readonly severity: string;
    readonly state: string;
    readonly subject: unknown;
    readonly written: string;
  }
}

export namespace web {
  export interface AgentDetail {
    readonly agent: string;
    readonly debt: number;
    readonly down: number;
    readonly drops: number;
    readonly effective: readonly [number, number];
    readonly hypervisor: boolean;
    readonly info: agents.AgentInfo | null;
    readonly interfaces: number;
    readonly last_heard: string;
    readonly lost: number;
    readonly name?: string;
    readonly notes: readonly web.Note[];
    readonly number: number;
    readonly received: number;
    readonly sampling: readonly [number, number];
    readonly source: string;
  }
  export interface AgentRow {
    readonly agent: string;
    readonly debt: number;
    readonly down: number;
    readonly drops: number;
    readonly effective: readonly [number, number];
    readonly hypervisor: boolean;
    readonly interfaces: number;
    readonly last_heard: string;
    readonly lost: number;
    readonly name?: string;
    readonly notes: readonly web.Note[];
    readonly number: number;
    readonly received: number;
    readonly sampling: readonly [number, number];
    readonly source: string;
  }
  export interface AlertChange {
    readonly change: string;
    readonly count: number;
    readonly kind: string;
  }
  export interface AlertView {
    readonly affected?: number;
    readonly alert?: unknown;
    readonly at: string;
    readonly care?: care.Care;
    readonly ended?: string;
    readonly id: string;
    readonly incident?: string;
    readonly kind: string;
    readonly line: string;
    readonly severity: string;
    readonly started: string;
    readonly state: string;
  }
  export interface AskError {
    readonly end?: number;
    readonly fits?: readonly string[];
    readonly offset: number;
    readonly problem: string;
  }
  export interface Bound {
    readonly limit: number;
    readonly name: string;
    readonly refused: number;
    readonly used: number;
  }
  export interface Component {
    readonly detail?: string;
    readonly name: string;
    readonly ready: boolean;
  }
  export interface Count {
    readonly count: number;
    readonly key: string;
    readonly name?: string;
  }
  export interface InfluxStatus {
    readonly accepted: number;
    readonly corrupt_octets: number;
    readonly dropped: number;
    readonly failing?: string;
    readonly gap: number;
    readonly memory_octets: number;
    readonly memory_points: number;
    readonly oldest_seconds: number;
    readonly refused: number;
    readonly rejected: number;
    readonly retries: number;
    readonly sent: number;
    readonly series: number;
    readonly skipped: number;
    readonly spool_error?: string;
    readonly spool_octets: number;
    readonly spool_points: number;
    readonly url: string;
  }
  export interface Link {
    readonly agent: string;
    readonly in: number;
    readonly load: number;
    readonly name: string;
    readonly out: number;
    readonly speed: number;
  }
  export interface Live {
    readonly agents: number;
    readonly alerts: readonly web.AlertView[];
    readonly alerts_total: number;
    readonly at: string;
    readonly datagrams_per_second: number;
    readonly incidents_open: number;
    readonly links: readonly web.Link[];
    readonly loss_percent: number;
    readonly silent: readonly string[];
    readonly socket_dropped: number;
    readonly top: detect.Top | null;
  }
  export interface Me {
    readonly name: string;
    readonly projects?: readonly string[];
    readonly role: string;
    readonly via: string;
  }
  export interface NewWindow {
    readonly from: string;
    readonly owner?: string;
    readonly reason: string;
    readonly subject: string;
    readonly to: string;
    readonly zone?: string;
  }
  export interface Note {
    readonly matters: boolean;
    readonly text: string;
  }
  export interface Recent {
    readonly from: string;
    readonly rows: readonly web.RecentRow[];
    readonly step: number;
    readonly to: string;
  }
  export interface RecentRow {
    readonly bytes: number;
    readonly high: number;
    readonly key: readonly string[];
    readonly low: number;
    readonly points: number;
    readonly step: number;
  }
  export interface Search {
    readonly cut: boolean;
    readonly found: readonly site.Found[];
  }
  export interface SinkAnswer {
    readonly answers: readonly string[];
    readonly error?: string;
    readonly seconds: number;
    readonly sink: string;
    readonly type: string;
  }
  export interface SinkCount {
    readonly dropped: number;
    readonly failed: number;
    readonly failing?: boolean;
    readonly limit: number;
    readonly name: string;
    readonly queued: number;
    readonly sent: number;
  }
  export interface Status {
    readonly admitted: number;
    readonly agents: number;
    readonly alert_changes: readonly web.AlertChange[];
    readonly alert_head?: string;
    readonly alerts_open: readonly web.Count[];
    readonly at: string;
    readonly bounds: readonly web.Bound[];
    readonly components: readonly web.Component[];
    readonly damaged_files: readonly web.Count[];
    readonly datagrams: number;
    readonly datagrams_per_second: number;
    readonly decode_seconds: number;
    readonly errors: readonly web.Count[];
    readonly http?: string;
    readonly influx?: web.InfluxStatus;
    readonly listen: readonly string[];
    readonly loss_percent: number;
    readonly lost_datagrams: number;
    readonly lost_samples: number;
    readonly octets: number;
    readonly orphans: readonly web.Count[];
    readonly pid: number;
    readonly refused: readonly web.Count[];
    readonly samples: readonly web.Count[];
    readonly series_not_kept: number;
    readonly sinks: readonly web.SinkCount[];
    readonly skipped_records: readonly web.Count[];
    readonly socket_dropped: number;
    readonly started: string;
    readonly top_left_out: readonly web.Count[];
    readonly truncated: number;
    readonly version: string;
  }
}

/** Asked is a parameter of a question. */
export type Asked = string | number | boolean | undefined;

/** Gets are the questions. */
export interface Gets {
  "/api/v1/agent": { asks: { agent?: Asked }; answer: web.AgentDetail };
  "/api/v1/agents": { asks: Record<string, never>; answer: readonly agents.AgentInfo[] };
  "/api/v1/agents/overview": { asks: Record<string, never>; answer: readonly web.AgentRow[] };
  "/api/v1/alerts": { asks: Record<string, never>; answer: readonly web.AlertView[] };
  "/api/v1/alerts/history": { asks: { from?: Asked; to?: Asked; kind?: Asked; severity?: Asked; change?: Asked; subject?: Asked; id?: Asked; limit?: Asked }; answer: store.AlertAnswer };
  "/api/v1/audit": { asks: { person?: Asked; what?: Asked; n?: Asked }; answer: readonly audit.Entry[] };
  "/api/v1/evidence": { asks: Record<string, never>; answer: readonly evidence.File[] };
  "/api/v1/explain": { asks: { kind?: Asked }; answer: site.Explanation };
  "/api/v1/flows": { asks: { from?: Asked; to?: Asked; filter?: Asked; by?: Asked; order?: Asked; top?: Asked; add?: Asked; step?: Asked; samples?: Asked }; answer: flows.Result };
  "/api/v1/flows/columns": { asks: Record<string, never>; answer: readonly string[] };
  "/api/v1/flows/filter": { asks: { filter?: Asked }; answer: web.AskError };
  "/api/v1/held": { asks: Record<string, never>; answer: readonly collector.HeldView[] };
  "/api/v1/incidents": { asks: Record<string, never>; answer: readonly site.Incident[] };
  "/api/v1/incidents/{id}": { asks: { id: Asked }; answer: site.Incident };
  "/api/v1/keys": { asks: Record<string, never>; answer: readonly collector.KeyView[] };
  "/api/v1/lookback": { asks: Record<string, never>; answer: readonly detect.Top[] };
  "/api/v1/lookback/flows": { asks: Record<string, never>; answer: null | web.Recent };
  "/api/v1/me": { asks: Record<string, never>; answer: web.Me };
  "/api/v1/mutes": { asks: Record<string, never>; answer: readonly collector.MuteView[] };
  "/api/v1/openapi.json": { asks: Record<string, never>; answer: unknown };
  "/api/v1/rules": { asks: Record<string, never>; answer: readonly collector.RuleView[] };
  "/api/v1/site": { asks: Record<string, never>; answer: site.Overview };
  "/api/v1/site/branch": { asks: { node?: Asked }; answer: site.Branch };
  "/api/v1/site/search": { asks: { text?: Asked }; answer: web.Search };
  "/api/v1/status": { asks: Record<string, never>; answer: web.Status };
  "/api/v1/top": { asks: { key?: Asked; window?: Asked; n?: Asked }; answer: readonly detect.Top[] };
  "/api/v1/windows": { asks: Record<string, never>; answer: readonly site.Window[] };
}

/** Streams are what goes on being told. */
export interface Streams {
  "/api/v1/events": { asks: Record<string, never>; answer: web.AlertView };
  "/api/v1/live": { asks: Record<string, never>; answer: web.Live };
}

/** Posts are the changes. */
export interface Posts {
  "/api/v1/alerts/test": { asks: { sink?: Asked }; body?: undefined; answer: readonly web.SinkAnswer[] };
  "/api/v1/alerts/{id}/ack": { asks: { id: Asked }; body: collector.DeedAsk; answer: collector.Done };
  "/api/v1/alerts/{id}/mark": { asks: { id: Asked }; body: collector.DeedAsk; answer: collector.Done };
  "/api/v1/alerts/{id}/mute": { asks: { id: Asked }; body: collector.DeedAsk; answer: collector.Done };
  "/api/v1/alerts/{id}/unack": { asks: { id: Asked }; body: collector.DeedAsk; answer: collector.Done };
  "/api/v1/alerts/{id}/unmute": { asks: { id: Asked }; body: collector.DeedAsk; answer: collector.Done };
  "/api/v1/incidents/{id}/hold": { asks: { id: Asked }; body: collector.HoldAsk; answer: collector.HeldView };
  "/api/v1/incidents/{id}/release": { asks: { id: Asked }; body?: undefined; answer: collector.HeldView };
  "/api/v1/keys": { asks: Record<string, never>; body: collector.NewKey; answer: collector.KeyView };
  "/api/v1/rules": { asks: Record<string, never>; body: { readonly [name: string]: unknown }; answer: collector.RuleView };
  "/api/v1/windows": { asks: Record<string, never>; body: web.NewWindow; answer: site.Window };
}
