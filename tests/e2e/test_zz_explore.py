from tests.e2e.test_plugin_failures import slow, _apply
from tests.support.clone_stack import clones
def test_x(slow, capsys):
    slow.terraform.write(clones(slow.source, slow.release, ["u"]))
    e = _apply(slow, lambda: slow.simulator.requests(reset=True))
    with capsys.disabled(): print(">>", slow.release, slow.simulator.requests())
    for m in ("RetrieveProperties","RetrievePropertiesEx","FindByUuid","FindByInventoryPath"):
        slow.terraform.run("destroy")
        slow.simulator.requests(reset=True)
        e = _apply(slow, lambda: slow.simulator.fault(m, "SystemError", at="call"))
        with capsys.disabled(): print(">>", m, [d.summary[:90] for d in e.diagnostics], len(slow.terraform.instances()))
        slow.simulator.fault(m, "SystemError", times=0) if 0 else None
