//! The readers' part as a picture.

use std::path::Path;

use plotters::chart::{ChartBuilder, SeriesLabelPosition};
use plotters::element::Circle;
use plotters::prelude::{IntoDrawingArea, SVGBackend};
use plotters::series::LineSeries;
use plotters::style::{BLACK, Color, RGBColor, ShapeStyle, WHITE};

use crate::{Load, Outcome, Way, figure};

const DIRECT: RGBColor = RGBColor(200, 60, 40);
const RELIEVED: RGBColor = RGBColor(30, 110, 180);
const AMIPLEX: RGBColor = RGBColor(60, 150, 90);

/// One scene.
pub(crate) struct Figure {
    pub(crate) count: usize,
    pub(crate) way: Way,
    pub(crate) load: Load,
}

/// CPU over the number of readers: Asterisk's with direct clients, Asterisk's behind amiplex, and amiplex's own.
pub(crate) fn draw(file: &Path, figures: &[Figure]) -> Outcome<()> {
    let points = |way: Way, load: fn(&Load) -> Option<f64>| -> Vec<(f64, f64)> {
        let of_way = figures.iter().filter(|figure| figure.way == way);
        of_way
            .filter_map(|scene| {
                let count = figure(u64::try_from(scene.count).ok()?);
                Some((count, load(&scene.load)?))
            })
            .collect()
    };
    let lines = [
        (
            "Asterisk, clients direct",
            DIRECT,
            points(Way::Direct, |load| Some(load.asterisk)),
        ),
        (
            "Asterisk behind amiplex",
            RELIEVED,
            points(Way::Amiplex, |load| Some(load.asterisk)),
        ),
        (
            "amiplex",
            AMIPLEX,
            points(Way::Amiplex, |load| load.amiplex),
        ),
    ];
    let all = || lines.iter().flat_map(|(_, _, points)| points);
    let right = all().map(|point| point.0).fold(1.0, f64::max);
    let top = all().map(|point| point.1).fold(1.0, f64::max) * 1.1;
    let area = SVGBackend::new(file, (720, 400)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..right, 0.0..top)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(WHITE)
        .x_desc("clients that read every event")
        .y_desc("CPU, % of one core")
        .x_label_formatter(&|count| format!("{count:.0}"))
        .y_label_formatter(&|percent| format!("{percent:.0}"))
        .draw()?;
    for (title, colour, points) in lines {
        chart
            .draw_series(LineSeries::new(points.clone(), colour.stroke_width(2)))?
            .label(title)
            .legend(move |at| Circle::new(at, 4, ShapeStyle::from(&colour).filled()));
        let dots = points
            .into_iter()
            .map(|point| Circle::new(point, 3, ShapeStyle::from(&colour).filled()));
        chart.draw_series(dots)?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .border_style(BLACK)
        .background_style(WHITE)
        .draw()?;
    area.present()?;
    Ok(())
}
