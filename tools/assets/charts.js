// The parts of ECharts that the console draws with; everything else stays out of the bundle.
import { LineChart } from "echarts/charts";
import { AxisPointerComponent, DataZoomInsideComponent, GridComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([AxisPointerComponent, CanvasRenderer, DataZoomInsideComponent, GridComponent, LineChart, MarkLineComponent, TooltipComponent]);

export { init };
