// Package plot turns slices into figures, as SVG or PNG. It knows no model and
// imports no other package of the project.
//
// A figure is a plain struct whose zero fields are the documented defaults:
//
//	Lines      one or more named series, with gaps and an optional ± band
//	Multiples  a grid of Lines over the same two axes, with one legend
//	Scatter    labelled points with optional error bars: quality against cost
//	Bars       grouped bars with error bars, one group per row
//
// SVG and PNG return the bytes, Save writes a file whole or not at all. Equal
// figures give equal bytes.
//
// # Units
//
// One unit is one CSS pixel. The default width is 400: shown on a phone, 360
// wide, the smallest text is still 10 pixels high. Legends, notes and wrapped
// titles stand outside the plotting area and make the figure taller, never the
// plotting area smaller. PNG has two pixels to the unit.
//
// # Colour
//
// The palette is that of M. Okabe and K. Ito, "Color Universal Design" (2008,
// https://jfly.uni-koeln.de/color/), without its yellow, which vanishes on
// white. No two of the first 56 series share colour and marker, so a figure
// survives without colour.
//
// # SVG in a page
//
// Text is text and each string carries its measured length, so that another
// font neither overlaps nor overflows. Text, axes and grid are currentColor and
// the ground is transparent: inlined in HTML a figure takes the colour of the
// text around it, in light and in dark mode. A series is painted
// var(--fenchel-plot-1, #0072B2) and so on to 6, with the plain colour as
// fallback for viewers without CSS; a page may set these variables. An SVG
// opened as a document, or as the source of an img, follows the viewer's colour
// scheme by itself.
//
// # Values that cannot be drawn
//
// NaN, infinities, magnitudes above 1e300 and, on a logarithmic axis, values
// ≤ 0 leave a gap in a line, and are named in the legend or in a note where a
// whole series or a point is missing. A figure with nothing to draw is an error
// that names it.
package plot
