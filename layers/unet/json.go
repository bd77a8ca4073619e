package unet

import (
	"encoding/json"
	"fmt"
	"math"
)

// whole is an int that a file may also write as 4.0, as some writers of JSON do.
type whole int

// UnmarshalJSON reads a number; null leaves it as it is.
//
// Errors: the text is no number, or no whole one.
func (w *whole) UnmarshalJSON(text []byte) error {
	v := float64(*w)
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	if v != math.Trunc(v) || math.Abs(v) > math.MaxInt32 {
		return fmt.Errorf("%s is no whole number within ±%d", text, math.MaxInt32)
	}
	*w = whole(v)
	return nil
}

// netJSON is NetConfig as a file has it.
type netJSON struct {
	InChannel       whole     `json:"in_channel"`
	OutChannel      whole     `json:"out_channel"`
	InnerChannel    whole     `json:"inner_channel"`
	ChannelMults    []float64 `json:"channel_mults"`
	AttnRes         []whole   `json:"attn_res"`
	NumHeads        whole     `json:"num_heads"`
	NumHeadChannels whole     `json:"num_head_channels"`
	ResBlocks       whole     `json:"res_blocks"`
	Dropout         float64   `json:"dropout"`
	ImageSize       whole     `json:"image_size"`
}

// scheduleJSON is ScheduleConfig as a file has it.
type scheduleJSON struct {
	Schedule    string  `json:"schedule"`
	NTimestep   whole   `json:"n_timestep"`
	LinearStart float64 `json:"linear_start"`
	LinearEnd   float64 `json:"linear_end"`
}

// UnmarshalJSON reads a configuration; a missing key has the default of the
// reference constructor, or, of the schedule, of its inpainting model. Whole
// numbers may be written as 4.0, and keys that are no argument are ignored. It
// does not Validate.
//
// Errors: a value is of the wrong kind.
func (c *Config) UnmarshalJSON(text []byte) error {
	read := struct {
		UNet     netJSON      `json:"unet"`
		Schedule scheduleJSON `json:"beta_schedule"`
	}{
		netJSON{InChannel: 6, OutChannel: 3, InnerChannel: 64, ChannelMults: []float64{1, 2, 4, 8}, AttnRes: []whole{16},
			NumHeads: 1, NumHeadChannels: -1, ResBlocks: 2, ImageSize: 256},
		scheduleJSON{"linear", 2000, 1e-6, 0.01},
	}
	if err := json.Unmarshal(text, &read); err != nil {
		return fmt.Errorf("unet: reading the config: %w", err)
	}
	n, s := read.UNet, read.Schedule
	*c = Config{
		NetConfig{InChannel: int(n.InChannel), OutChannel: int(n.OutChannel), InnerChannel: int(n.InnerChannel),
			ChannelMults: n.ChannelMults, NumHeads: int(n.NumHeads), NumHeadChannels: int(n.NumHeadChannels),
			ResBlocks: int(n.ResBlocks), Dropout: n.Dropout, ImageSize: int(n.ImageSize)},
		ScheduleConfig{s.Schedule, int(s.NTimestep), s.LinearStart, s.LinearEnd},
	}
	for _, factor := range n.AttnRes {
		c.UNet.AttnRes = append(c.UNet.AttnRes, int(factor))
	}
	return nil
}
