#!/bin/sh
# Images a second of the networks that measure, ours and PyTorch's, in turns:
#
#	harness/peers/networks.sh LETHE NETWORK.pth DATA [THREADS [ROUNDS]]
#
# PyTorch (torch_networks.py, torchvision) runs ResNet-50 at 224, Inception-v3 at
# 299 or a ViT-B/32 at 224, as the name of the network that lethe prints asks.
# Ours includes decoding and preparing the images, PyTorch's does not.
set -eu
lethe=$1 network=$2 data=$3 threads=${4:-2} rounds=${5:-3}
here=$(dirname "$0")
for round in $(seq "$rounds"); do
	ours=$("$lethe" features --network "$network" --data "$data" --limit 64 --threads "$threads" 2>/dev/null)
	name=$(printf '%s\n' "$ours" | sed -n 's/^network *\([^ ]*\).*/\1/p')
	printf '%s\n' "$ours" | sed -n "s/^speed */round $round  lethe    $name  /p"
	"${PYTHON:-python3}" "$here/torch_networks.py" "$name" "$threads" | sed "s/^/round $round  /"
done
