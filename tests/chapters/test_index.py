from tbptt import Truncation


def test_the_table_beside_the_picture(glued):
    said = glued("index")
    for name, k1, k2 in [("end_to_end", 4, 4), ("true", 1, 4), ("between", 3, 6)]:
        reach = Truncation(k1, k2).travelled(16)
        assert said[f"full_{name}"] == (reach == k2).sum()
    assert (said["full_end_to_end"], said["full_true"], said["full_between"]) == (4, 13, 5)
    assert (said["cost_end_to_end"], said["cost_true"], said["cost_between"]) == (16, 58, 33)
