"""MAGE in plain PyTorch: the state-dict keys and the mathematics of the reference
implementation, the random numbers as arguments."""
import torch
import torch.nn.functional as F
from torch import nn

from mae import Block, PatchEmbed
from vqgan import VQGAN

CLASSES = 1000  # class tokens after the codes; the mask token is the last
MAX_POSITIONS = 257
SMOOTHING = 0.1


class Embeddings(nn.Module):
    def __init__(self, vocabulary, width):
        super().__init__()
        self.word_embeddings = nn.Embedding(vocabulary, width)
        self.position_embeddings = nn.Embedding(MAX_POSITIONS, width)
        self.LayerNorm = nn.LayerNorm(width, eps=1e-6)
        self.dropout = nn.Dropout(0.1)
        self.register_buffer("position_ids", torch.arange(MAX_POSITIONS).expand(1, -1))

    def forward(self, ids):
        positions = self.position_ids[:, : ids.shape[1]]
        return self.dropout(self.LayerNorm(self.word_embeddings(ids) + self.position_embeddings(positions)))


class Head(nn.Module):
    def __init__(self, width, word_width, vocabulary):
        super().__init__()
        self.fc = nn.Linear(width, word_width)
        self.ln = nn.LayerNorm(word_width)
        self.bias = nn.Parameter(torch.zeros(1, 1, vocabulary))

    def forward(self, x, words):
        return self.ln(F.gelu(self.fc(x))) @ words.t() + self.bias


class MAGE(nn.Module):
    def __init__(self, img_size=256, patch_size=16, in_chans=3, embed_dim=1024, depth=24, num_heads=16,
                 decoder_embed_dim=512, decoder_depth=8, decoder_num_heads=16, mlp_ratio=4.0, vqgan=None):
        super().__init__()
        self.vqgan = VQGAN(**(vqgan or {})).requires_grad_(False)
        self.codes = self.vqgan.quantize.embedding.num_embeddings
        vocabulary, tokens = self.codes + CLASSES + 1, (img_size // patch_size) ** 2
        self.class_id, self.mask_id = self.codes + 76, vocabulary - 1
        self.token_emb = Embeddings(vocabulary, embed_dim)
        self.blocks = nn.ModuleList(Block(embed_dim, num_heads, mlp_ratio) for _ in range(depth))
        self.norm = nn.LayerNorm(embed_dim, eps=1e-6)
        self.decoder_embed = nn.Linear(embed_dim, decoder_embed_dim)
        self.decoder_pos_embed_learned = nn.Parameter(torch.zeros(1, 1 + tokens, decoder_embed_dim))
        self.decoder_blocks = nn.ModuleList(
            Block(decoder_embed_dim, decoder_num_heads, mlp_ratio) for _ in range(decoder_depth))
        self.decoder_norm = nn.LayerNorm(decoder_embed_dim, eps=1e-6)
        self.mlm_layer = Head(decoder_embed_dim, embed_dim, vocabulary)
        # what a masked autoencoder would need: in every checkpoint, used by nothing
        self.patch_embed = PatchEmbed(in_chans, patch_size, embed_dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + tokens, embed_dim), requires_grad=False)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, decoder_embed_dim))
        self.decoder_pos_embed = nn.Parameter(torch.zeros(1, 1 + tokens, decoder_embed_dim), requires_grad=False)
        self.decoder_pred = nn.Linear(decoder_embed_dim, patch_size ** 2 * in_chans)

    def tokens(self, images):
        """images [N,3,H,W] in [0,1] -> token_indices [N,L]."""
        with torch.no_grad():
            return self.vqgan.encode(images)[1]

    def encode(self, indices, drop, masked):
        """indices [N,L] and masks [N,L] (1 = dropped, masked; equally many dropped in each row) -> latent [N,1+kept,D]."""
        ids = torch.where(masked.bool(), self.mask_id, indices)
        x = self.token_emb(F.pad(ids, (1, 0), value=self.class_id))
        x = x[F.pad(drop, (1, 0)) == 0].reshape(len(x), -1, x.shape[2])
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def decode(self, latent, drop, masked):
        """Returns logits [N,1+L,V]."""
        x = self.decoder_embed(latent)
        fill = x[:, :1].expand(-1, 1 + drop.shape[1], -1)
        rows = fill.masked_scatter((F.pad(drop, (1, 0)) == 0)[:, :, None], x)
        x = torch.where(F.pad(masked, (1, 0)).bool()[:, :, None], fill, rows) + self.decoder_pos_embed_learned
        for block in self.decoder_blocks:
            x = block(x)
        return self.mlm_layer(self.decoder_norm(x), self.token_emb.word_embeddings.weight.detach())

    def loss(self, indices, logits, masked):
        log = logits[:, 1:, : self.codes].log_softmax(-1)
        picked = -log.gather(2, indices[:, :, None])[:, :, 0]
        each = (1 - SMOOTHING) * picked - SMOOTHING * log.mean(-1)
        return (each * masked).sum() / masked.sum()
