from django.db import migrations

from audit.tlog.tiled_tree import TileEdge

CHUNK = 256 * 20


def move(apps, _editor):
    """Key the entries by their log, and make its full tiles and its edge of them."""
    head = apps.get_model("audit", "Head").objects.first()
    if head is None:
        return
    entry, tile = (
        apps.get_model("audit", "Entry"),
        apps.get_model("audit", "StoredTile"),
    )
    old = apps.get_model("audit", "EntryOfTheOneLog").objects.order_by("index")
    edge = TileEdge()
    while chunk := list(old[edge.size : edge.size + CHUNK]):
        entry.objects.bulk_create(
            entry(event_id=e.event_id, log=head, index=e.index, leaf_hash=e.leaf_hash)
            for e in chunk
        )
        growth = edge.grow(bytes(e.leaf_hash) for e in chunk)
        tile.objects.bulk_create(
            tile(log=head, level=full.level, index=full.index, hashes=hashes)
            for full, hashes in growth.full_tiles
        )
        edge = growth.edge
    head.edge = b"".join(edge.rows)
    head.save(update_fields=["edge"])


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_entries_tiles_and_checkpoints_belong_to_a_log")]

    operations = [migrations.RunPython(move)]
