// Package player runs the animation of journeys on a clock of its own: pause, step,
// rewind and speed touch what is shown and never what arrives.
package player
