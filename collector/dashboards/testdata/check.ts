// What every dashboard is compared with: Grafana's published types, with words
// in place of enums, as they are in JSON.
import type { AnnotationQuery, Dashboard, DataQuery } from "@grafana/schema";
import type * as Bars from "@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen";
import type * as Number from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type * as Table from "@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen";
import type * as Timeline from "@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen";
import type * as Graph from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

type Plain<T> = T extends string ? `${T}`
	: T extends (infer U)[] ? Plain<U>[]
	: T extends object ? { [K in keyof T]: Plain<T[K]> }
	: T;

// The query of InfluxDB's data source, which @grafana/schema does not have.
interface InfluxQuery extends DataQuery {
	query: string;
	rawQuery: true;
	resultFormat: "time_series" | "table";
	fromAnnotations: true;
	textColumn: string;
	tagsColumn: string;
}

export type Checked = Plain<Omit<Dashboard, "annotations">> & {
	annotations: { list: Plain<AnnotationQuery<InfluxQuery>>[] };
};
export interface Options {
	timeseries: Plain<Graph.Options>;
	stat: Plain<Number.Options>;
	table: Partial<Plain<Table.Options>>;
	bargauge: Plain<Bars.Options>;
	"state-timeline": Partial<Plain<Timeline.Options>>;
}
export interface Custom {
	timeseries: Plain<Graph.FieldConfig>;
	stat: {};
	table: Partial<Plain<Table.FieldConfig>>;
	bargauge: {};
	"state-timeline": Plain<Timeline.FieldConfig>;
}
